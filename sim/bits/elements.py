"""Steps of operators that work element by element, in 32 bits where every number fits."""

from math import prod
from typing import NamedTuple

import numpy as np

from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.streams import divisors, value_range
from xnorforge.sim.bits.kernels import add_weighted, count_levels, reach
from xnorforge.sim.bits.packed import Packed, Step, as_integers
from xnorforge.sim.bits.plans import noted
from xnorforge.sim.bits.wide import wide_levels, wide_sum

WIDEST = 30  # bits of numbers, signed or not, that 32 bits compare with any threshold that they can miss
ROW = 1024  # elements that a kernel takes in a row, a few pixels of few channels


class Ending(NamedTuple):
    """A sum of two streams, int32 factors (C,) of each: modulo mask + 1 to low .. low + mask."""

    sources: list[Stream]
    sink: Stream
    factors: list[np.ndarray]
    low: int
    mask: int


class Pooling(NamedTuple):
    """A pool of bits by OR: pixels (H, W), those of a window, which do not overlap, and its own step."""

    size: tuple[int, int]
    window: tuple[int, int]
    step: Step


def as_int32(x: Packed | np.ndarray, stream: Stream) -> np.ndarray:
    """A value as int32 (N, *shape), modulo 2^32."""
    plain = x.unpack() if isinstance(x, Packed) else x
    return np.ascontiguousarray(plain, np.int32).reshape(-1, *stream.shape)


def pixels_in_a_row(shape: tuple[int, ...]) -> int:
    """How many pixels of a frame a kernel takes at once; they divide the frame."""
    return max(count for count in divisors(prod(shape[:-1])) if count == 1 or count * shape[-1] <= ROW)


def level_step(op: HwOp, thresholds: np.ndarray, direction: np.ndarray) -> Step:
    """Levels: how many of its channel's thresholds (C, steps) a number reaches, times direction
    (C,) of +-1; packed bits of one step."""
    source, (channels, steps) = op.in_stream(), thresholds.shape
    if source.bits > WIDEST or steps > 255:
        return wide_levels(op, thresholds, direction)
    low, high = value_range(WIDEST, True)
    falls = direction < 0  # -x >= t: not x >= 1 - t
    least = np.where(falls[:, None], 1 - thresholds, thresholds)
    least = np.clip(least, 2 * low, 2 * high + 1).astype(np.int32)

    if steps == 1:
        words = -(-channels // 64)
        row = np.zeros(64 * words, np.int32)
        row[:channels] = least[:, 0]
        inverted = np.zeros(64 * words, np.uint8)
        inverted[:channels] = falls
        inverted = np.packbits(inverted, bitorder="little")

        def bits(x):
            numbers = as_int32(x, source).reshape(-1, channels)
            out = np.zeros((len(x), len(numbers) // len(x), words), np.uint64)
            reach(numbers, row, inverted, out)
            return Packed(out, channels)

        return noted(bits, levels=(row, inverted))  # for who compares where it adds up, see plans.py

    count = pixels_in_a_row(source.shape)
    rows = np.ascontiguousarray(np.tile(least.T, (1, count)))
    inverted = np.tile(falls.astype(np.uint8), count)

    def step(x):
        numbers = as_int32(x, source).reshape(-1, count * channels)
        out = np.empty(numbers.shape, np.uint8)
        count_levels(numbers, rows, inverted, out)
        return out.reshape(-1, *source.shape)

    return step


def weighted(op: HwOp, factors: np.ndarray) -> Step | None:
    """The sum of the streams, each times its row of factors (streams, C), modulo 2**bits of the result,
    in 32 bits, which hold it whatever the terms are, or in `Wide` numbers; None between them."""
    sources, sink = op.in_streams(), op.out_stream()
    if sink.bits > WIDEST or max(source.bits for source in sources) > 62:
        return wide_sum(sources, factors, sink.bits)
    low, _ = value_range(sink.bits, sink.signed)
    count = pixels_in_a_row(sink.shape)
    mask = (1 << sink.bits) - 1
    rows = [np.tile((row % 2**32).astype(np.uint32).view(np.int32), count) for row in factors]

    def step(*given):
        terms = [as_int32(x, source).reshape(-1, len(rows[0])) for x, source in zip(given, sources)]
        out = np.empty(terms[0].shape, np.int32)
        add_weighted(terms, rows, low, mask, out)
        return out.reshape(-1, *sink.shape)

    if len(sources) == 2:
        once = [np.ascontiguousarray(row[: sink.shape[-1]]) for row in rows]
        noted(step, ending=Ending(sources, sink, once, low, mask))  # for who adds up where it counts
    return step


def pool_step(op: HwOp) -> Step:
    """Of pools that state what becomes of the pixels of a window (`Pool.reduced`)."""
    source = op.in_stream()
    taken = as_int32 if max(source.bits, op.out_stream().bits) <= WIDEST else as_integers
    return lambda x: op.pooled(taken(x, source))
