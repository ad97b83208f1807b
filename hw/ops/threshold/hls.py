"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Comparisons with constants."""
    return [net.thresholds("", without_window(op, sources[0]), *op.tables())]
