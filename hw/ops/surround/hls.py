"""The form in hls4ml."""

from xnorforge.hw.hls.net import Net, Wire, refused, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """A border of one value."""
    (height, width, channels), (top, left, _, _) = op.get_nodeattr("ifm"), op.pads()
    values, sink = op.values(), op.out_stream()
    if len(set(values)) > 1:
        raise refused(op, f"pads with {len(set(values))} values", "pad all channels with one value")
    source = net.shaped(without_window(op, sources[0]), (height, width, channels))
    sizes = {"height": height, "width": width, "n_chan": channels, "top": top, "left": left}
    sizes |= {"out_height": sink.shape[0], "out_width": sink.shape[1], "value": int(values[0])}
    return [net.xf("", "xf_pad", [source], sink.shape, sink.bits, sink.signed, **sizes)]
