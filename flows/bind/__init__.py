"""Lowered nodes to our operators: a graph of streams, still without parallelism.

No operator is named here. Each says in `hw/ops/<name>/bind.py` which lowered nodes it takes, and those behind
them that belong to it; where several could, the narrowest is asked first (`registry.py`). `network.py` and
`nodes.py` are what they see. Afterwards come rearrangements of the bound operators, and what follows the last
one for the output that was asked for.

What no operator builds exactly is refused by name.
"""

from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import parts

from .network import OPS, Bound, Network
from .registry import ENDINGS, FINISHINGS, TAKERS

__all__ = ["OPS", "Bound", "bind"]

WORKS = "convolutions, dense layers, thresholds, pools, sums and concatenations can be built"


def bind(model: ModelWrapper, scale=None, bias=None, output: str = "scores") -> list[Bound]:
    """The operators of a lowered network, in an order in which they can run.

    Args:
        model: lowered graph, FINN hardware-abstraction nodes, channels last, integers.
        scale, bias: of the logits (`lowered.npz`); None leaves the scores as they are.
        output: "labels" ends a network whose output is a map in the channel with the largest score.

    Raises:
        UserError: a node or a combination that no operator builds; the text names the node and what works.
    """
    if len(model.graph.input) != 1 or len(model.graph.output) != 1:
        raise UserError(
            f"{model.graph.name}: {len(model.graph.input)} inputs and {len(model.graph.output)} outputs; "
            "one of each can be built."
        )
    network = Network(model)
    bound: list[Bound] = []
    taken: set[str] = set()
    network.check_readers()
    for node in model.graph.node:
        if node.name in taken:
            continue
        nodes, made = _taken(network, node)
        taken.update(one.name for one in nodes)
        bound += network.placed(nodes, made)
    if not bound:
        raise UserError(f"{model.graph.name}: no operator between input and output; give it a layer.")
    for rearrange in FINISHINGS:
        bound = rearrange(bound)
    for one in bound:
        one.make().cycles()  # checks its sizes and widths
    return bound + ENDINGS[output](bound[-1], scale, bias)


def _taken(network: Network, node):
    """What the first operator that takes a node says of it."""
    for _, take in TAKERS.get(node.op_type, []):
        found = take(network, node)
        if found is not None:
            return found
    raise UserError(f"{node.name}: an operator for {node.op_type} is missing in hw/ops; {WORKS}.")


parts("hw.ops", "bind")  # every operator enters what it takes
