"""The operator as layers of hls4ml."""

import numpy as np

from xnorforge.flows.backends.hls4ml.matrices import as_numbers, dot_products, results
from xnorforge.flows.backends.hls4ml.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products of integers; input bits are -1 and +1, or numbers 0 and 1."""
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    cycles = op.cycles() // op.get_nodeattr("vectors")
    source = sources[0] if op.in_bits > 1 or op.bipolar else as_numbers(net, sources[0])
    return [results(net, op, dot_products(net, source, weights, op.weight_bits, op.result_range(), cycles))]
