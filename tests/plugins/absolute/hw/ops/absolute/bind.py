"""The node Absolute of lowered.onnx is the operator Absolute."""

from xnorforge.flows.bind.network import Bound
from xnorforge.flows.bind.registry import takes


@takes("Absolute")
def absolute(network, node):
    """Its input may have more bits than the lowered tensor; the width of the preceding operator counts."""
    bits, signed = network.kind(node.input[0])
    attributes = {"in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed)}
    return [node], [Bound("Absolute", node.name, attributes, nodes=[node.name])]
