"""Bind Loop of rolled.onnx with its body as a graph of its own, and layers of one form as loops."""

from collections.abc import Iterator

from xnorforge.hw.bind import bind_nodes
from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import as_it_comes
from xnorforge.hw.bind.registry import looping, takes
from xnorforge.hw.graph import graph_of

from .bind_layers import chains, loop_of


@takes("Loop")
def loop(network: Network, node: Placed) -> Taken:
    """The operators of a step become the body when they are folded."""
    inside = Network(node.at["body"])
    shape = as_it_comes(network, node.input[0], network.shape(node.input[0])[-1])
    body, start = bind_nodes(inside), {"start": node.at["start"]}
    graph = graph_of([one.make() for one in body], node.name, inside.inputs, inside.outputs)
    attributes = {"in_shape": shape, "steps": node.at["steps"], "bodies": [graph]}
    return [node], [Bound("Loop", node.name, attributes, start, [node.name], body=body)]


@looping
def layers_of_one_form(bounds: list[Bound]) -> Iterator[tuple[range, Bound]]:
    """A loop for each chain of them."""
    for number, (start, layers) in enumerate(chains(bounds)):
        found = loop_of(layers, f"loop{number}")
        if found is not None:
            yield range(start, start + sum(len(one.ops) for one in layers)), found
