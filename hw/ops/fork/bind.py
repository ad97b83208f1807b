"""One output per reader."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Fork")
def fork(network: Network, node: Placed) -> Taken:
    """A copy for each."""
    (x,) = node.input
    attributes = {"in_shape": network.shape(x), "readers": len(node.output), **network.width(x, "")}
    return [node], [Bound("Fork", node.name, attributes, {}, [node.name])]
