"""Maxima of bits, or their minima."""

from xnorforge.flows.bind.network import Network, NodeProto, Taken
from xnorforge.flows.bind.registry import takes
from xnorforge.hw.ops.window.bind import pool_at


@takes("ConvolutionInputGenerator", "DirectedPool", rank=10)
def or_pool(network: Network, node: NodeProto) -> Taken:
    """A pool of bits that takes the maximum of every channel, or the minimum of every channel."""
    found = pool_at(network, node)
    if found is None or found.function not in ("MaxPool", "DirectedPool") or found.bits > 1 or found.signed:
        return None
    lowest = found.direction is not None and bool((found.direction < 0).all())
    if found.direction is not None and not lowest and (found.direction < 0).any():
        return None
    return found.nodes, found.bound("OrPool", all=int(lowest))
