"""The operator as layers of hls4ml."""

from math import prod

import numpy as np

from xnorforge.flows.backends.hls4ml.matrices import as_numbers, dot_products, results
from xnorforge.flows.backends.hls4ml.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A Conv2D whose weights between channels are 0."""
    given = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    (taps, channels), xnor = given.shape, op.get_nodeattr("xnor")
    weights = np.einsum("tc,cd->tcd", 2 * given - 1, np.eye(channels, dtype=np.int64)).reshape(-1, channels)
    numbers = op.get_nodeattr("in_bits") == 1 and not xnor
    span, cycles = (
        (-taps, taps) if xnor else op.result_range(),
        op.cycles() // prod(op.get_nodeattr("ofm")[:2]),
    )
    source = as_numbers(net, sources[0]) if numbers else sources[0]
    return [results(net, op, dot_products(net, source, weights, 2, span, cycles), taps if xnor else 0)]
