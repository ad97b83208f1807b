"""Sums of streams, each times its constants."""

import numpy as np

from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import kinds, out_width
from xnorforge.hw.bind.registry import takes


@takes("Join")
def join(network: Network, root: Placed) -> Taken:
    """Any tree of sums, bound at its root."""
    after = network.reader(root)
    if after is not None and after.op == "Join":
        return [], []
    nodes, terms, shape = list[Placed](), [], network.shape(root.output[0])

    def walk(tensor, factor):
        node = network.maker(tensor)
        if node is None or node.op != "Join":
            terms.append((tensor, factor))
            return
        for one, multiplier in zip(node.input, node.at["multipliers"]):
            walk(one, factor if (multiplier == 1).all() else factor * multiplier.astype(object))
        nodes.append(node)

    walk(root.output[0], np.ones(shape[-1], np.int64))
    arrays = {"multipliers": whole_numbers(np.stack([factor for _, factor in terms]))}
    inputs = [tensor for tensor, _ in terms]
    attributes = {"in_shape": shape, **kinds(network, inputs), **out_width(network, root)}
    return nodes, [Bound("Join", root.name, attributes, arrays, [node.name for node in nodes], inputs)]
