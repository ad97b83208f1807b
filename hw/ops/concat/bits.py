"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops.concat.op import Concat
from xnorforge.hw.streams import value_range, wrapped
from xnorforge.sim.bits.kernels import place_channels
from xnorforge.sim.bits.packed import Packed, Step, as_integers, joined_segments


def step(op: Concat) -> Step:
    """Segments moved word by word, or integers, cut to the width of the result where one may exceed it."""
    streams, sink = op.in_streams(), op.out_stream()
    low, high = value_range(sink.bits, sink.signed)
    ranges = [value_range(stream.bits, stream.signed) for stream in streams]
    fits = all(low <= least and most <= high for least, most in ranges)

    def run(*given):
        if all(isinstance(x, Packed) for x in given) and sink.bits == 1 and not sink.signed:
            return joined_segments(given)
        plain = [x.unpack().reshape(-1, *stream.shape) if isinstance(x, Packed) else x
                 for x, stream in zip(given, streams)]  # fmt: skip
        if fits and sink.bits < 32:
            return channels_beside([x.astype(np.int32, copy=False) for x in plain])
        wide = [as_integers(x, stream) for x, stream in zip(plain, streams)]
        return wrapped(np.concatenate(wide, -1), sink.bits, sink.signed)

    return run


def channels_beside(parts: list[np.ndarray]) -> np.ndarray:
    """Arrays int32 (…, C) joined by their channels; numpy takes its time for every pixel."""
    if any(x.ndim != 4 or x.strides[3] != 4 for x in parts):
        return np.concatenate(parts, -1)
    out = np.empty((*parts[0].shape[:3], sum(x.shape[3] for x in parts)), np.int32)
    at = 0
    for x in parts:
        place_channels(x, at, out)
        at += x.shape[3]
    return out
