"""Sums over windows."""

from xnorforge.hw.bind.network import Network, NodeProto, Taken
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.window.bind import pool_at


@takes("ConvolutionInputGenerator", rank=20)
def sum_pool(network: Network, node: NodeProto) -> Taken:
    """FINN's Pool that adds."""
    found = pool_at(network, node)
    if found is None or found.function != "AccPool":
        return None
    return found.nodes, found.bound("SumPool")
