"""Products of two streams."""

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.nodes import is_scale, kinds, out_width
from xnorforge.hw.bind.registry import takes


@takes("ElementwiseMul", "ElementwiseEqual", rank=20)
def product(network: Network, node: NodeProto) -> Taken:
    """FINN's product of two tensors, and of two bits for -1 and +1, which is their equality."""
    inputs = list(node.input)
    if is_scale(network, node):
        return None
    attributes = {
        "in_shape": network.shape(node.output[0]), **kinds(network, inputs), **out_width(network, node),
        "xnor": int(node.op_type == "ElementwiseEqual"),
    }  # fmt: skip
    return [node], [Bound("Product", node.name, attributes, {}, [node.name], inputs)]
