"""Channels side by side."""

from xnorforge.flows.bind.network import Bound, Network
from xnorforge.flows.bind.nodes import kinds, out_width
from xnorforge.flows.bind.registry import takes


@takes("StreamingConcat")
def concat(network: Network, node):
    """FINN's StreamingConcat."""
    inputs = list(node.input)
    attributes = {
        "out_shape": network.shape(node.output[0]),
        "channels": [network.shape(tensor)[-1] for tensor in inputs],
        **kinds(network, inputs), **out_width(network, node),
    }  # fmt: skip
    return [node], [Bound("Concat", node.name, attributes, {}, [node.name], inputs)]
