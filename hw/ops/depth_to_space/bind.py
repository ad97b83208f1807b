"""Channels become the pixels of a block."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("DepthToSpace")
def depth_to_space(network: Network, node: Placed) -> Taken:
    """Our own node."""
    ifm, shape, block = network.shape(node.input[0]), network.shape(node.output[0]), node.at["block"]
    attributes = {"ifm": ifm, "block": block, "out_shape": shape, **network.width(node.input[0], "")}
    return [node], [Bound("DepthToSpace", node.name, attributes, {}, [node.name])]
