"""Fewer bits for sums that are only compared: smaller factors, where no reachable sum decides otherwise.

Before:  s = sum_k m_k n_k with factors m_k of 40 to 90 bits, compared with thresholds t
After:   s' = sum_k m'_k n_k, compared with thresholds t'
Why:     the n_k are integers of known ranges, so that few of the integers between the least and the greatest
         sum are reached. Factors m' about a multiple of m order the sums around a threshold alike, down to
         about as many bits as number the reachable sums. For every threshold, the largest s' of all sums
         below it and the smallest s' of all others are computed, over all n; t' lies between the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from xnorforge.hw.any_width import whole_numbers

FEWEST = 24  # bits of sums that are left as they are
MOST_POINTS = 2**27  # places of thresholds, of all channels, that are computed
LARGEST = 2**20  # of the factors that are tried one after another
WIDEST = 2**40  # span of a number
MOST = 2**60  # of a narrowed sum
CLOSE = 2.0**-48  # of quotients in float64, relative to the largest


@dataclass
class Narrowed:
    """A sum whose factors were replaced: its bits `before` and `after`, and `thresholds` in all channels."""

    before: int
    after: int
    thresholds: int

    def __str__(self) -> str:
        return f"{self.before} -> {self.after} bits, no reachable sum decides otherwise"


def narrowed(factors, lo, hi, thresholds) -> tuple[np.ndarray, np.ndarray] | None:
    """Smaller factors and thresholds for which every comparison of every reachable sum has the same answer.

    Args:
        factors: m, integers (terms, channels). lo, hi: ranges of the n, integers (terms, channels).
        thresholds: t, integers (channels, any): n decides s >= t.

    Returns:
        m' and t', in the same shapes; None if a channel has none, a number is wide, or there are too many.
    """
    factors, lo, hi = (np.asarray(x).astype(object) for x in (factors, lo, hi))
    spans = (hi - lo) * (factors != 0)
    points = sum(prod(s + 1 for s in column) // (max(column) + 1) for column in spans.T)
    if points * thresholds.shape[1] > MOST_POINTS or (spans > WIDEST).any():
        return None
    columns = [_channel(*given) for given in zip(factors.T, lo.T, hi.T, thresholds)]
    if any(found is None for found in columns):
        return None
    small, steps = zip(*columns)
    return whole_numbers(np.array(small, object).T), whole_numbers(np.array(steps, object))


def _channel(m, lo, hi, t) -> tuple[list[int], list[int]] | None:
    """The same for one channel."""
    active = [k for k in range(len(m)) if m[k] and lo[k] < hi[k]]
    if not active:
        reached = np.dot(m, lo) >= t
        return [0] * len(m), [int(not one) for one in reached]
    active.sort(key=lambda k: hi[k] - lo[k])
    # Counted from the least sum, with factors above 0.
    start = [lo[k] if m[k] > 0 else hi[k] for k in range(len(m))]
    size, t = [abs(m[k]) for k in active], t.astype(object) - np.dot(m, start)
    edges = _Edges(size, [int(hi[k] - lo[k]) for k in active], t)
    for chosen in _candidates(size, edges.spans):
        steps = edges.thresholds(chosen)
        if steps is not None:
            small = [0] * len(m)
            for k, one in zip(active, chosen):
                small[k] = one if m[k] > 0 else -one
            shift = sum(one * at for one, at in zip(small, start))
            return small, [int(step) + shift for step in steps]
    return None


class _Edges:
    """Of every threshold, and of all numbers but the last, whose span is widest: the first last one that
    reaches it.

    Attributes:
        spans: numbers are 0 .. span.
        others: those but the last, int64 (terms - 1, points).
        first: int64 (points, thresholds), 0 .. span + 1 of the last number.
    """

    def __init__(self, size: list[int], spans: list[int], t: np.ndarray):
        self.spans = spans
        shape = [span + 1 for span in spans[:-1]]
        self.others = np.indices(shape, np.int64).reshape(len(shape), prod(shape))
        last, sums = size[-1], self._sums(size, object)
        over, under = (np.array([int(x) / last for x in row]) for row in (t, sums))
        quotient = over[None, :] - under[:, None]
        first = np.ceil(np.clip(quotient, -1, spans[-1] + 1)).astype(np.int64)
        near = CLOSE * (abs(over).max(initial=0) + abs(under).max(initial=0) + 1)
        point, step = np.nonzero(abs(quotient - np.rint(quotient)) <= near)
        exact = -((sums[point] - t[step]) // last)
        first[point, step] = np.clip(exact, 0, spans[-1] + 1).astype(np.int64)
        self.first = first.clip(0, spans[-1] + 1)
        self.top = spans[-1]

    def _sums(self, size, kind) -> np.ndarray:
        """Of the numbers but the last, each times its factor: (points,)."""
        terms = (one * row.astype(kind) for one, row in zip(size, self.others))
        return sum(terms, np.zeros(self.others.shape[1], kind))

    def thresholds(self, chosen: list[int]) -> np.ndarray | None:
        """Thresholds with these factors, None where a sum below a threshold is not below all others."""
        last, sums = chosen[-1], self._sums(chosen, np.int64)
        most = sum(one * span for one, span in zip(chosen, self.spans))
        at = sums[:, None] + last * self.first
        above = np.where(self.first <= self.top, at, most + 1).min(0)
        below = np.where(self.first > 0, at - last, -1).max(0)
        return above if (below < above).all() else None


def _candidates(size: list[int], spans: list[int]) -> Iterator[list[int]]:
    """Factors about in proportion to these, smallest first: those that are nearer to it than all smaller
    ones, then powers of two of the given ones.
    """
    largest = max(size)
    ratio, span = np.array([one / largest for one in size]), np.array(spans, np.float64)
    start, best = 1, np.inf
    while start < LARGEST:
        q = np.arange(start, 4 * start, dtype=np.float64)
        error = sum(abs(one * q - np.rint(one * q)) * reach for one, reach in zip(ratio, span))
        record = np.minimum.accumulate(np.append(best, error))
        for place in np.flatnonzero(record[1:] < record[:-1]):
            yield [round(one * q[place]) for one in ratio]
        start, best = 4 * start, record[-1]
    for shift in range(largest.bit_length() - LARGEST.bit_length() - 1, 0, -2):
        found = [(one >> shift - 1) + 1 >> 1 for one in size]
        if sum(one * reach for one, reach in zip(found, spans)) > MOST:
            return
        yield found
