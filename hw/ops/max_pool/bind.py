"""Maxima of integers, in some channels minima."""

import numpy as np

from xnorforge.flows.bind.network import Bound, Network
from xnorforge.flows.bind.nodes import pool_at
from xnorforge.flows.bind.registry import takes


@takes("ConvolutionInputGenerator", "DirectedPool", rank=20)
def max_pool(network: Network, node):
    """FINN's Pool of maxima, and our own node of maxima and minima."""
    found = pool_at(network, node)
    if found is None or found.function not in ("MaxPool", "DirectedPool"):
        return None
    arrays = {}
    if found.direction is not None and (found.direction < 0).any():
        arrays["direction"] = found.direction.astype(np.int64)
    attributes = found.attributes | {"in_bits": found.bits, "in_signed": int(found.signed)}
    names = [one.name for one in found.nodes]
    return found.nodes, [Bound("MaxPool", found.name, attributes, arrays, names)]
