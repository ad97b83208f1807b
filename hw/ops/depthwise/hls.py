"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.hw.hls.matrices import as_numbers, matrix
from xnorforge.hw.hls.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A Conv2D whose weights between channels are 0."""
    given, xnor = op.integers("weights"), op.get_nodeattr("xnor")
    taps, channels = given.shape
    weights = np.einsum("tc,cd->tcd", 2 * given - 1, np.eye(channels, dtype=np.int64)).reshape(-1, channels)
    numbers = op.get_nodeattr("in_bits") == 1 and not xnor
    source = as_numbers(net, sources[0]) if numbers else sources[0]
    return matrix(net, op, source, weights, 2, taps if xnor else 0)
