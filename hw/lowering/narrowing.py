"""Fewer bits for sums that are only compared: smaller factors, where no reachable sum decides otherwise.

Before:  s = sum_k m_k n_k with factors m_k of 40 to 90 bits, compared with thresholds t
After:   s' = sum_k m'_k n_k, compared with thresholds t'
Why:     the n_k are integers of known ranges, so that few of the integers between the least and the greatest
         sum are reached. Around every threshold lies a gap without sums: with x the number whose span is
         widest, the sums modulo m_x are those of the other numbers, and the gap lies between the two of them
         next to t. With m' = q m + e, s' differs from q s by sum_k e_k n_k. Where that is always less than q
         times half the narrowest gap, thresholds q times the middles of the gaps decide alike.

Sums that feed further sums are left as they are. Each further term adds the bits of its numbers to those
that order all reachable sums, so that they would need about as many bits as all their numbers together, and
to prove a gap takes the sums of all the numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from xnorforge.hw.any_width import whole_numbers

FEWEST = 24  # bits of sums that are left as they are
MOST_POINTS = 2**23  # sums of all numbers but the widest, of all channels
LARGEST = 2**22  # sizes of the largest factor that are tried one after another, for three terms and more
TRIED = 4  # sizes of one power of four for which float64 says that they are enough


@dataclass
class Narrowed:
    """A sum whose factors were replaced: its bits `before` and `after`, and `thresholds` in all channels."""

    before: int
    after: int
    thresholds: int

    def __str__(self) -> str:
        return f"{self.before} -> {self.after} bits, no reachable sum decides otherwise"


def narrowed(
    factors: np.ndarray, lo: np.ndarray, hi: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Smaller factors and thresholds for which every comparison of every reachable sum has the same answer.

    Args:
        factors: m, integers (terms, channels). lo, hi: ranges of the n, integers (terms, channels).
        thresholds: t, integers (channels, any): n decides s >= t.

    Returns:
        m' and t', in the same shapes; None if there are too many sums to compare.
    """
    columns = _channels(factors, lo, hi, thresholds)
    if columns is None:
        return None
    small, steps = zip(*(_narrowed(*column) for column in columns))
    return whole_numbers(np.array(small, object).T), whole_numbers(np.array(steps, object))


def some_between(
    factors: np.ndarray, lo: np.ndarray, hi: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Whether some reachable sum is at least `first` and less than `last`, integers (channels,
    any); True where that is not known. Other arguments as of `narrowed`."""
    columns = _channels(factors, lo, hi, first)
    if columns is None:
        return first < last
    after = [_around(m, low, _span(m, low, high), t)[0] + t for m, low, high, t in columns]
    return (first < last) & (np.array(after, object) < last)


def _channels(factors, lo, hi, t) -> list[tuple] | None:
    """The arguments of each channel as integers of any width; None if there are too many sums."""
    factors, lo, hi, t = (np.asarray(x).astype(object) for x in (factors, lo, hi, t))
    spans = _span(factors, lo, hi)
    if sum(prod(s + 1 for s in column) // (max(column) + 1) for column in spans.T) > MOST_POINTS:
        return None
    return [*zip(factors.T, lo.T, hi.T, t)]


def _span(m, lo, hi) -> np.ndarray:
    return np.where(m == 0, 0, hi - lo)


def _narrowed(m, lo, hi, t) -> tuple[np.ndarray, np.ndarray]:
    """m' and t' of one channel."""
    span, ends = _span(m, lo, hi), np.sort([m * lo, m * hi], 0).sum(1)
    if not span.any():
        return 0 * m, np.array([int(one > ends[0]) for one in t], object)
    t = np.clip(t, ends[0], ends[1] + 1)
    above, below = _around(m, lo, span, t)
    gap, middles, largest = (above + below).min(), 2 * t + above - below, max(abs(m))
    for q in _sizes(m, span, gap):
        small = (2 * q * m + largest) // (2 * largest)
        off = small * largest - q * m
        if abs(off).dot(span) < q * gap:
            return small, -(-(q * middles + off.dot(2 * lo + span)) // (2 * largest))
    raise AssertionError("the given factors keep every gap")


def _around(m, lo, span, t) -> tuple[np.ndarray, np.ndarray]:
    """How far from t the next sum is, at it or above, and the last one below; also sums in which
    the number of the widest span leaves its range."""
    last, sums = int(span.argmax()), np.zeros(1, object) + sum((m * lo)[span == 0])
    for k, (one, first, more) in enumerate(zip(m, lo, span)):
        if k != last and more:
            sums = np.add.outer(sums, one * np.arange(first, first + more + 1).astype(object)).reshape(-1)
    period = abs(m[last]) or 1
    rest = np.unique(sums % period)
    after = rest.searchsorted(t % period)
    return (rest[after % len(rest)] - t) % period, (t - 1 - rest[after - 1]) % period + 1


def _sizes(m, span, gap) -> Iterator[int]:
    """Sizes that the largest factor may take, smallest first; its own is the last."""
    largest, start = max(abs(m)), 1
    near = [k for k in range(len(m)) if span[k] and abs(m[k]) < largest]
    if len(near) == 1:
        ratio, off = (Fraction(int(x), largest) for x in (abs(m[near[0]]), gap))
        yield _simplest(ratio - off / span[near[0]], ratio + off / span[near[0]]).denominator
    ratios, share = (m / largest).astype(np.float64), gap / largest
    while start < min(LARGEST, largest):
        q = np.arange(start, 4 * start, dtype=np.float64)
        off = sum(abs(ratios[k] * q - np.rint(ratios[k] * q)) * int(span[k]) for k in near)
        yield from map(int, q[off < share * q][:TRIED])
        start *= 4
    while start < largest:
        yield start
        start *= 4
    yield largest


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of least denominator strictly between two numbers, high above 0."""
    if low < 0:
        return Fraction(0)
    whole = low.numerator // low.denominator
    if whole + 1 < high:
        return Fraction(whole + 1)
    if low == whole:
        return whole + Fraction(1, int(1 / (high - whole)) + 1)
    return whole + 1 / _simplest(1 / (high - whole), 1 / (low - whole))
