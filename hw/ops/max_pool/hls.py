"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.net import Net, Wire, pool_source
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Maxima, in some channels minima."""
    sink = op.out_stream()
    source, kernel, stride = pool_source(net, op, sources[0])
    return [net.pool("", source, kernel, stride, np.where(op.minima(), -1, 1), sink.bits, sink.signed)]
