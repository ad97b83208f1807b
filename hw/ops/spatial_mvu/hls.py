"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.matrices import as_numbers, dot_products, results
from xnorforge.flows.backends.hls4ml.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products of bits, 0 and 1, and integers."""
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    cycles = op.cycles() // op.get_nodeattr("vectors")
    bits = op.get_nodeattr("scale_bits") + 1
    dots = dot_products(net, as_numbers(net, sources[0]), weights, bits, op.result_range(), cycles)
    return [results(net, op, dots)]
