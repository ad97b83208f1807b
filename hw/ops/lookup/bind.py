"""The node Lookup of lowered.onnx is the operator Lookup."""

from xnorforge.hw.bind.network import Bound
from xnorforge.hw.bind.registry import takes


@takes("Lookup")
def lookup(network, node):
    """Its input is any frame of bits, in stream order."""
    arrays = {key: network.integers(name) for key, name in zip(("places", "tables"), node.input[1:])}
    attributes = {"in_shape": network.shape(node.input[0]), "neurons": len(arrays["tables"])}
    return [node], [Bound("Lookup", node.name, attributes, arrays, [node.name])]
