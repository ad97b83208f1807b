"""Sums of more bits than int64 has, and their levels: in two halves of 52 bits, up to 104."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xnorforge.hw.any_width import INT64_BITS, width_of
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.sim.bits.packed import Step, as_integers
from xnorforge.sim.bits.patches import reads_patches

PIECE = 26  # bits; the product of two pieces and a sum of many such are exact in int64
HALF = 2 * PIECE
MOST = 2 * HALF


@dataclass
class Wide:
    """Integers high * 2^52 + low, int64 (N, …) each, 0 <= low < 2^52; `cut` gives them as Python's."""

    high: np.ndarray
    low: np.ndarray

    def cut(self) -> np.ndarray:
        """The numbers, as objects."""
        return self.high.astype(object) * 2**HALF + self.low


def _keys(numbers: np.ndarray) -> np.ndarray:
    """Complex numbers that numpy orders, by real parts and then imaginary ones, as these integers."""
    numbers = np.clip(numbers.astype(object), -(2**MOST), 2**MOST)
    return (numbers >> HALF).astype(float) + 1j * (numbers % 2**HALF).astype(float)


def _pieces(numbers: Any, bits: int) -> list[np.ndarray]:
    """Numbers of `bits` bits in pieces of 26, int64, the lowest first, of which the last has the sign."""
    if isinstance(numbers, Wide):
        return [one for half in (numbers.low, numbers.high) for one in _pieces(half, HALF)]
    last = -(-bits // PIECE) - 1
    pieces = [numbers >> PIECE * k for k in range(last + 1)]
    return [(x if k == last else x & (2**PIECE - 1)).astype(np.int64) for k, x in enumerate(pieces)]


def wide_sum(streams: Sequence[Stream], factors: np.ndarray, bits: int) -> Step | None:
    """The sum of streams times their factors (streams, C), modulo 2^bits, signed; None beyond 104 bits."""
    if not INT64_BITS < bits <= MOST:
        return None
    rows = [_pieces(row, width_of(row)) for row in factors]

    @reads_patches
    def step(*given: Any) -> Wide:
        total: list[Any] = [0] * 4
        for x, stream, row in zip(given, streams, rows, strict=True):
            x = x if isinstance(x, Wide) else as_integers(x, stream)
            for i, one in enumerate(_pieces(x, stream.bits + (not stream.signed))[:4]):
                for j, factor in enumerate(row[: 4 - i]):
                    total[i + j] = total[i + j] + one * factor
        for k in range(3):
            total[k + 1] = total[k + 1] + (total[k] >> PIECE)
        low = (total[0] & (2**PIECE - 1)) + ((total[1] & (2**PIECE - 1)) << PIECE)
        spare = 64 + HALF - bits
        return Wide((total[2] & (2**PIECE - 1)) + (total[3] << PIECE) << spare >> spare, low)

    return step


def wide_levels(op: HwOp, thresholds: np.ndarray, direction: np.ndarray) -> Step:
    """Levels of numbers of any width: how many thresholds (C, steps) they reach, times direction (C,)."""
    found = [_keys(row) for row in thresholds]

    @reads_patches
    def step(x: Any) -> np.ndarray:
        if isinstance(x, Wide):
            negative = -x.high - (x.low > 0) + 1j * (-x.low % 2**HALF)
            given, rows = np.where(direction < 0, negative, x.high + 1j * x.low), found
        else:
            given, rows = as_integers(x, op.in_stream()) * direction, thresholds
        levels = (np.searchsorted(row, given[..., c], side="right") for c, row in enumerate(rows))
        return np.stack([*levels], -1).astype(np.int64)

    return step
