"""Sums of streams, each times its constants."""

import numpy as np

from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.nodes import is_scale, kinds, out_width
from xnorforge.hw.bind.registry import takes


@takes("ElementwiseMul", "ElementwiseAdd", rank=30)
def join(network: Network, root: NodeProto) -> Taken:
    """Any tree of ElementwiseMul and ElementwiseAdd, bound at its root."""
    after = network.reader(root)
    while after is not None and is_scale(network, after):
        after = network.reader(after)
    if after is not None and after.op_type == "ElementwiseAdd":
        return [], []
    nodes, terms, shape = [], [], network.shape(root.output[0])

    def walk(tensor, factor):
        node = network.model.find_producer(tensor)
        if node is None or not (node.op_type == "ElementwiseAdd" or is_scale(network, node)):
            terms.append((tensor, factor))
            return
        if node.op_type == "ElementwiseAdd":
            for one in node.input:
                walk(one, factor)
        else:
            walk(node.input[0], factor * network.integers(node.input[1]).astype(object))
        nodes.append(node)

    walk(root.output[0], np.ones(shape[-1], np.int64))
    arrays = {"multipliers": whole_numbers(np.stack([factor for _, factor in terms]))}
    inputs = [tensor for tensor, _ in terms]
    attributes = {"in_shape": shape, **kinds(network, inputs), **out_width(network, root)}
    return nodes, [Bound("Join", root.name, attributes, arrays, [node.name for node in nodes], inputs)]
