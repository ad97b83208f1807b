"""Every pixel repeated."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Upsample")
def upsample(network: Network, node: Placed) -> Taken:
    """By whole factors."""
    (x,) = node.input
    attributes = {"ifm": network.shape(x), "factor": list(node.at["factors"]), **network.width(x, "")}
    return [node], [Bound("Upsample", node.name, attributes, {}, [node.name])]
