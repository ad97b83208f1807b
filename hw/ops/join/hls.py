"""The operator as layers of hls4ml."""

from math import prod

import numpy as np

from xnorforge.core.types import Record
from xnorforge.flows.backends.hls4ml.net import Net, Wire, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Two streams at a time; sums modulo 2^out_bits may be taken modulo at every step."""
    sink, table, wires = op.out_stream(), op.table(), [without_window(op, source) for source in sources]
    wire, factors = wires[0], table[0]
    if len(wires) == 1:
        return [net.scaled("", wire, sink.bits, sink.signed, factors)]
    sizes: Record = {"n_pixels": prod(sink.shape[:-1]), "n_chan": sink.shape[-1]}
    for index, (other, row) in enumerate(zip(wires[1:], table[1:]), 2):
        suffix, given = "" if index == len(wires) else f"sum{index}", np.stack([factors, row])
        wire = net.xf(suffix, "xf_join", [wire, other], sink.shape, sink.bits, sink.signed, given, **sizes)
        factors = np.ones_like(row)
    return [wire]
