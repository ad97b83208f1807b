"""Sums of integers with weights of -1 and +1."""

import numpy as np

from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import MATRICES, takes
from xnorforge.hw.ops.byte_mvu.op import MOST_INPUT_BITS


@takes(*MATRICES, rank=20)
def byte_mvu(network: Network, node: Placed) -> Taken:
    """Integers of several bits with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    bits, signed = unit.seen.bits, unit.seen.signed
    if unit.xnor or not 2 <= bits <= MOST_INPUT_BITS or not np.isin(unit.weights, (-1, 1)).all():
        return None
    largest = len(unit.weights) * (2 ** (bits - 1) if signed else 2**bits - 1)
    return unit.bound("ByteMvu", unit.seen.width, unit.weights > 0, (-largest, largest + 1))
