"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.hw.hls.net import Net, Wire, append_pool
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Maxima, in some channels minima."""
    return [append_pool(net, op, sources[0], np.where(op.minima(), -1, 1))]
