"""One bound per channel."""

from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.flows.bind.nodes import out_width
from xnorforge.flows.bind.registry import takes


@takes("Clip")
def clip(network: Network, node: NodeProto) -> Taken:
    """Our own node."""
    bits, signed = network.kind(node.input[0])
    attributes = {
        "in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed),
        "mul": get(node, "mul"), **out_width(network, node),
    }  # fmt: skip
    at, direction = (network.integers(name) for name in node.input[1:])
    return [node], [Bound("Clip", node.name, attributes, {"at": at, "direction": direction}, [node.name])]
