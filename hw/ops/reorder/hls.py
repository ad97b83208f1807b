"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Elements in an order of their own: a part of a frame at a time where parts are whole pixels."""
    source, sink = op.in_stream(), op.out_stream()
    order, group, period = op.order, op.get_nodeattr("group"), op.get_nodeattr("period")
    if period * group % source.shape[-1] or len(order) * group % sink.shape[-1]:
        order, period = op.places(), op.groups(source)
    sizes = {"n_chan": source.shape[-1], "out_chan": sink.shape[-1], "group": group, "period": period}
    sizes |= {"given": len(order), "n_in": op.groups(source), "n_out": op.groups(sink)}
    wire = net.shaped(without_window(op, sources[0]), source.shape)
    return [net.xf("", "xf_reorder", [wire], sink.shape, sink.bits, sink.signed, order, **sizes)]
