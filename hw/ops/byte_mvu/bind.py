"""Sums of integers with weights of -1 and +1."""

import numpy as np

from xnorforge.flows.bind.network import Bound, Network
from xnorforge.flows.bind.nodes import matrix_at
from xnorforge.flows.bind.registry import takes

MOST_BITS = 12  # of an input


@takes("MVAU", rank=20)
def byte_mvu(network: Network, node):
    """MVAU on integers of several bits with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    if unit.xnor or not 2 <= unit.bits <= MOST_BITS or not np.isin(unit.weights, (-1, 1)).all():
        return None
    largest = len(unit.weights) * (2 ** (unit.bits - 1) if unit.signed else 2**unit.bits - 1)
    arrays = unit.arrays(unit.weights > 0, -largest, largest + 1)
    attributes = unit.attributes | {"in_bits": unit.bits, "in_signed": int(unit.signed)}
    return unit.nodes, [Bound("ByteMvu", node.name, attributes, arrays, [one.name for one in unit.nodes])]
