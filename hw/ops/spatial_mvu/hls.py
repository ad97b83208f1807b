"""The operator as layers of hls4ml."""

from xnorforge.flows.backends.hls4ml.matrices import as_numbers, int_weights, matrix
from xnorforge.flows.backends.hls4ml.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products of bits, 0 and 1, and integers."""
    return matrix(net, op, as_numbers(net, sources[0]), int_weights(op), op.get_nodeattr("scale_bits") + 1)
