"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.matrices import dot_products, results
from xnorforge.flows.backends.hls4ml.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products of -1 and +1, from which matches are made."""
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    length, cycles = len(weights), op.cycles() // op.get_nodeattr("vectors")
    dots = dot_products(net, sources[0], 2 * weights - 1, 1, (-length, length), cycles)
    return [results(net, op, dots, length)]
