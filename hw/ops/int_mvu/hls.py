"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.matrices import as_numbers, matrix
from xnorforge.hw.hls.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products of integers; input bits are -1 and +1, or numbers 0 and 1."""
    source = sources[0] if op.in_bits > 1 or op.bipolar else as_numbers(net, sources[0])
    return matrix(net, op, source, op.integers("weights"), op.weight_bits)
