"""The operator as layers of hls4ml."""

from xnorforge.hw.hls.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import signed_bits


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """p~, and a comparison behind it where the operator has thresholds."""
    influence, thresholds, direction = op.tables()
    bits, top = signed_bits(*op.result_range()), max(int(abs(influence).max()), 1)
    numbers = {"group": influence.shape[1], "extent": op.extent, "unit": op.get_nodeattr("unit"), "top": top}
    numbers |= {"scale": op.scale, "offset": op.offset, "sum_bits": bits}
    suffix, source = "" if thresholds is None else "sum", without_window(op, sources[0])
    wire = net.pixels(suffix, "xf_interact", source, bits, True, influence, **numbers)
    return [wire if thresholds is None else net.thresholds("threshold", wire, thresholds[:, None], direction)]
