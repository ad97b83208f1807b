"""The operator as layers of hls4ml."""

from math import prod

from xnorforge.core.types import Record
from xnorforge.hw.hls.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Two streams at a time."""
    sink, wires = op.out_stream(), [without_window(op, source) for source in sources]
    wire = wires[0]
    if len(wires) == 1:
        return [net.scaled("", wire, sink.bits, sink.signed)]
    for index, other in enumerate(wires[1:], 2):
        suffix, channels = "" if index == len(wires) else f"part{index}", (wire.shape[-1], other.shape[-1])
        sizes: Record = {"n_pixels": prod(sink.shape[:-1]), "n_chan": channels[0], "other_chan": channels[1]}
        shape = *sink.shape[:-1], sum(channels)
        wire = net.xf(suffix, "xf_concat", [wire, other], shape, sink.bits, sink.signed, **sizes)
    return [wire]
