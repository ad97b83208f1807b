"""Lookup of the integer graph is the operator Lookup."""

from xnorforge.hw.bind.network import Bound
from xnorforge.hw.bind.registry import takes


@takes("Lookup")
def lookup(network, node):
    """Its input is any frame of bits, in stream order."""
    arrays = {key: node.at[key] for key in ("places", "tables")}
    attributes = {"in_shape": network.shape(node.input[0]), "neurons": len(arrays["tables"])}
    return [node], [Bound("Lookup", node.name, attributes, arrays, [node.name])]
