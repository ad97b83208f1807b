"""Sums over windows."""

from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.window.bind import pool_at


@takes("SumPool", rank=20)
def sum_pool(network: Network, node: Placed) -> Taken:
    """A pool that adds."""
    return pool_at(network, node).bound("SumPool")
