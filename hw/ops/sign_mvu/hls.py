"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.matrices import matrix
from xnorforge.hw.hls.net import Net, Wire
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Products with -1 and +1, from which matches of bits are made."""
    return matrix(net, op, sources[0], 2 * op.integers("weights") - 1, 1, op.counts * op.get_nodeattr("mw"))
