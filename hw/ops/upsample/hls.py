"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Pixels and rows repeated."""
    (height, width, channels), (fy, fx) = op.get_nodeattr("ifm"), op.get_nodeattr("factor")
    sizes = {"height": height, "width": width, "n_chan": channels, "factor_height": fy, "factor_width": fx}
    sink = op.out_stream()
    source = without_window(op, sources[0])
    return [net.xf("", "xf_upsample", [source], sink.shape, sink.bits, sink.signed, **sizes)]
