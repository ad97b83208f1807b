"""The operator on packed bits, for the bit simulator."""

import numpy as np

from xnorforge.hw.ops._streams import value_range, wrapped
from xnorforge.sim.bits.packed import Packed, as_integers, joined_segments


def step(op):
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
            return np.concatenate([x.astype(np.int32, copy=False) for x in plain], -1)
        wide = [as_integers(x, stream) for x, stream in zip(plain, streams)]
        return wrapped(np.concatenate(wide, -1), sink.bits, sink.signed)

    return run
