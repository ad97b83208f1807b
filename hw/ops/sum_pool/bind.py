"""Sums over windows."""

from xnorforge.flows.bind.network import Bound, Network
from xnorforge.flows.bind.nodes import pool_at
from xnorforge.flows.bind.registry import takes


@takes("ConvolutionInputGenerator", rank=20)
def sum_pool(network: Network, node):
    """FINN's Pool that adds."""
    found = pool_at(network, node)
    if found is None or found.function != "AccPool":
        return None
    attributes = found.attributes | {"in_bits": found.bits, "in_signed": int(found.signed)}
    return found.nodes, [Bound("SumPool", found.name, attributes, nodes=[one.name for one in found.nodes])]
