"""A PReLU and a rounding."""

from xnorforge.flows.bind.network import Bound, Network, get
from xnorforge.flows.bind.registry import takes


@takes("Rectify")
def rectify(network: Network, node):
    """Our own node."""
    bits, signed = network.kind(node.input[0])
    attributes = {"in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed)}
    attributes |= {name: get(node, name) for name in ("shift", "levels", "zero")}
    arrays = dict(zip(["offset", "slope", "direction"], map(network.integers, node.input[1:])))
    return [node], [Bound("Rectify", node.name, attributes, arrays, [node.name])]
