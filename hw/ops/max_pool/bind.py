"""Maxima, in some channels minima."""

from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import falls
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.window.bind import pool_at


@takes("MaxPool", rank=20)
def max_pool(network: Network, node: Placed) -> Taken:
    """Minima where the direction is -1."""
    arrays = {"direction": node.at["direction"]} if falls(node) else {}
    return pool_at(network, node).bound("MaxPool", **arrays)
