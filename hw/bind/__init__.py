"""Binding of the integer graph to our operators: a graph of streams, not yet with any parallelism.

This package names no operator. Each states in `hw/ops/<name>/bind.py` which nodes of the graph it takes,
including later nodes that belong to it; if several could take a node, the narrowest is asked first
(`registry.py`). A node that is named as an operator of one expression is that operator. `network.py` and
`nodes.py` provide their view of the graph. Rearrangements of the bound operators come last, followed by
operators that produce the requested output.

What no operator can build exactly is refused by name.
"""

from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.core.plugins import parts
from xnorforge.core.types import Record
from xnorforge.hw.beat import Beat
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.hw.lowering.values import Graph

from .network import OPS, Bound, Network, Placed
from .nodes import own_node
from .registry import ENDINGS, FINISHINGS, TAKERS

__all__ = ["OPS", "Bound", "bind", "bind_folder", "bind_nodes", "name_of_network"]

WORKS = "use convolutions, dense layers, thresholds, pools, sums and concatenations"


def bind_folder(net_dir: Path, output: str = "scores", loops: bool = False) -> list[Bound]:
    """The operators of the lowered network in a folder, equal steps as a loop if `loops`; output and errors
    as of `bind`. The index of the largest score is left out where outputs have scores of their own."""
    ports = _exported(net_dir).get("ports")
    with np.load(net_dir / "lowered.npz") as lowered:
        rolled = net_dir / "rolled.onnx"
        graph = read_graph(rolled if loops and rolled.exists() else net_dir / "lowered.onnx")
        several = ports is not None and len({one["first"] for one in ports["outputs"]}) > 1
        return bind(graph, None if several else lowered["scale"], lowered["bias"], output)


def name_of_network(net_dir: Path) -> str:
    """The network in a folder, by its name when it was exported, else by the folder's."""
    return _exported(net_dir).get("net", net_dir.name)


def _exported(net_dir: Path) -> Record:
    path = net_dir / "export.json"
    return read_json(path) if path.exists() else {}


def bind(
    graph: Graph, scale: np.ndarray | None = None, bias: np.ndarray | None = None, output: str = "scores"
) -> list[Bound]:  # fmt: skip
    """The operators of a lowered network, in execution order.

    Args:
        graph: with one input and one output.
        scale, bias: of the logits (`lowered.npz`); None leaves the scores unchanged.
        output: "labels" ends a network in the channel with the largest score, of a map that of each cell.

    Raises:
        UserError: a node or a combination that no operator builds; the text names the node and alternatives.
    """
    bound = bind_nodes(Network(graph))
    if not bound:
        raise UserError("bind: no operator between input and output; add at least one layer.")
    for rearrange in FINISHINGS:
        bound = rearrange(bound)
    for one in bound:
        one.make().cycles()  # checks its sizes and widths
    return bound + ENDINGS[output](bound[-1], scale, bias)


def bind_nodes(network: Network) -> list[Bound]:
    """The operators of a graph with any ends; errors as of `bind`."""
    bound: list[Bound] = []
    taken: set[str] = set()
    for node in network.nodes:
        if node.name not in taken:
            nodes, made = _taken(network, node)
            taken.update(one.name for one in nodes)
            bound += network.placed(nodes, made)
    return bound


def _taken(network: Network, node: Placed):
    """The answer of the first operator that takes a node."""
    for _, take in TAKERS.get(node.op, []):
        found = take(network, node)
        if found is not None:
            return found
    if issubclass(OPS.get(node.op, object), Beat):
        return own_node(network, node)
    raise UserError(f"{node.name}: no operator in hw/ops supports this {node.op} node; {WORKS}.")


parts("hw.ops", "bind")  # every operator enters what it takes
