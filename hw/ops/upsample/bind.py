"""Every pixel repeated."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Upsample")
def upsample(network: Network, node: Placed) -> Taken:
    """By whole factors."""
    attributes = {"ifm": network.shape(node.input[0]), "factor": list(node.at["factors"])}
    attributes |= network.width(node.input[0], "")
    return [node], [Bound("Upsample", node.name, attributes, {}, [node.name])]
