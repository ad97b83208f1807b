"""One output per reader."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Fork")
def fork(network: Network, node: Placed) -> Taken:
    """A copy for each."""
    attributes = {"in_shape": network.shape(node.input[0]), "readers": len(node.output)}
    attributes |= network.width(node.input[0], "")
    return [node], [Bound("Fork", node.name, attributes, {}, [node.name])]
