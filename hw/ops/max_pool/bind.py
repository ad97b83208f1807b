"""Maxima, in some channels minima."""

import numpy as np

from xnorforge.hw.bind.network import Network, NodeProto, Taken
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.window.bind import pool_at


@takes("ConvolutionInputGenerator", "DirectedPool", rank=20)
def max_pool(network: Network, node: NodeProto) -> Taken:
    """FINN's Pool of maxima, and our own node of maxima and minima."""
    found = pool_at(network, node)
    if found is None or found.function not in ("MaxPool", "DirectedPool"):
        return None
    arrays = {}
    if found.direction is not None and (found.direction < 0).any():
        arrays["direction"] = found.direction.astype(np.int64)
    return found.nodes, found.bound("MaxPool", **arrays)
