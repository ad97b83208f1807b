"""The operator as layers of hls4ml."""

from xnorforge.flows.backends.hls4ml.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Sums."""
    sink = op.out_stream()
    source = net.shaped(without_window(op, sources[0]), op.get_nodeattr("ifm"))
    kernel, stride = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    return [net.pool("", source, kernel, stride, 0, sink.bits, sink.signed)]
