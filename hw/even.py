"""Thresholds at even distances as one multiplication."""

import pickle
from functools import lru_cache

import numpy as np

Line = tuple[int, np.ndarray, np.ndarray]  # shift, factors, addends
FIRST = 16  # thresholds of a channel that are looked at first


def line_of(thresholds: np.ndarray, lo: np.ndarray, span: int) -> Line | None:
    """Shift, factors (C,) and addends (C,), integers, with which an x of lo .. lo + span reaches exactly the
    thresholds k, from 1, for which (factor * x + addend) >> shift is k or more; None where there are none.

    They are proved for every x: x = t reaches threshold t, and x = t - 1 does not.

    Args:
        thresholds: integers (C, steps) that ascend; `lo` and below are always reached, beyond the end never.
        lo: least x of each channel, integers (C,).
    """
    return _found(pickle.dumps((thresholds.astype(object), lo.astype(object)[:, None], span)))


@lru_cache(maxsize=64)
def _found(content: bytes) -> Line | None:
    """The line, first of a few thresholds of each channel, then also of those that it does not meet."""
    thresholds, low, span = pickle.loads(content)
    t = np.clip(thresholds, low, low + span + 1)
    reached, missed = t <= low + span, t > low  # by some x, and by some not
    of_two = (reached & missed)[:, 1:] & (reached & missed)[:, :-1]
    gaps = [end(np.where(of_two, np.diff(t), 0 if end is np.max else span), 1) for end in (np.max, np.min)]
    if (gaps[0] > gaps[1] + 1).any():  # a straight line of integers has no other gaps
        return None
    rows, columns = np.arange(len(t)), np.unique(np.linspace(0, t.shape[1] - 1, FIRST).astype(np.int64))
    while True:
        some = t[:, columns], reached[:, columns], missed[:, columns], columns + 1, span
        least, most = 0, 2 * span.bit_length() + t.shape[1].bit_length() + 2
        found = _with_shift(most, *some)
        while found and least < most:
            shift = (least + most) // 2
            other = _with_shift(shift, *some)
            found, least, most = (other, least, shift) if other else (found, shift + 1, most)
        if not found:
            return None
        lower, upper = _room(*found[:2], t, reached, missed, np.arange(1, t.shape[1] + 1))
        over = np.maximum(lower - found[2][:, None], found[2][:, None] - upper)
        worst = over.argmax(1)
        if not (wrong := over[rows, worst] > 0).any():
            return found
        columns = np.union1d(columns, worst[wrong])


def _room(shift: int, factors: np.ndarray, t, reached, missed, numbers) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest addend that each threshold allows, (C, steps)."""
    rest = (numbers.astype(object) << shift) - factors[:, None] * t
    far = 2 * abs(rest).max() + factors.max() + 1
    return np.where(reached, rest, -far), np.where(missed, rest + factors[:, None] - 1, far)


def _with_shift(shift: int, t, reached, missed, numbers, span: int) -> Line | None:
    """The line with this shift: factors by bisection, as the room for an addend is concave in the factor."""
    inside, rows = reached & missed, np.arange(len(t))
    first, last = inside.argmax(1), t.shape[1] - 1 - inside[:, ::-1].argmax(1)
    several, rise = inside.sum(1) > 1, t[rows, last] - t[rows, first]
    run = np.where(several, numbers[last] - numbers[first], 1).astype(object) << shift
    below = np.where(several, run // (rise + 1), 0)
    above = np.where(several, run // np.maximum(rise - 1, 1) + 1, (1 << shift) // (span + 1))
    while (below <= above).all():
        factors = (below + above) // 2
        lower, upper = _room(shift, factors, t, reached, missed, numbers)
        at_lower, at_upper = lower.argmax(1), upper.argmin(1)
        least, most = lower[rows, at_lower], upper[rows, at_upper]
        wrong = least > most
        if not wrong.any():
            return shift, factors, np.where(reached.any(1), least, most)
        fewer = t[rows, at_upper] - 1 > t[rows, at_lower]
        above = np.where(wrong & fewer, factors - 1, above)
        below = np.where(wrong & ~fewer, factors + 1, below)
    return None
