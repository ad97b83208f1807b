"""The float32 arithmetic of the network on an integer tensor, operation by operation."""

from fractions import Fraction
from math import ceil, floor, inf, lcm, nextafter

import numpy as np

from xnorforge.hw.any_width import width_of

from .values import F32, Value


def evaluate(value: Value, n: np.ndarray, nudge: int = 0) -> np.ndarray:
    """The value in the reference's own float32 arithmetic, from the exact number at its base.

    Args:
        n: integers of the base leaf, shape (channels, any).
        nudge: +1 or -1 moves results of functions up or down by the most that runs of the reference may
            differ.

    Returns:
        float32 of the same shape.
    """
    return along(value, at_base(value, n), nudge)


@np.errstate(over="ignore")
def at_base(value: Value, n: np.ndarray) -> np.ndarray:
    """The numbers at the base of the chain, float32, of integers (channels, any)."""
    _, a, b = value.start
    return _affine(n, a, b).astype(F32)


@np.errstate(over="ignore", invalid="ignore")  # infinity is as monotone as a number; the caller refuses NaN
def along(value: Value, x: np.ndarray, nudge: int = 0) -> np.ndarray:
    """The numbers at the end of the chain, float32, of those at its base."""
    for op, *given in value.chain:
        p = [np.asarray(c, F32).reshape(-1, 1) for c in given]
        if op == "bn":
            x = x * p[0] + p[1]
        elif op == "mul":
            x = x * p[0]
        elif op == "div":
            x = x / p[0]
        elif op == "add":
            x = x + p[0]
        elif op == "rsub":
            x = p[0] - x
        elif op == "prelu":
            x = np.where(x >= 0, x, x * p[0])
        elif op == "clip":
            x = np.clip(x, p[0], p[1])
        else:
            before, x = x, op(x, *p)
            x = x + nudge * op.spread(before, x) if nudge and op.spread else x
    return x


def float32_ranks(x: np.ndarray) -> np.ndarray:
    """Float32 numbers as integers in the same order, one apart for neighbours; both zeros are 0."""
    bits = x.astype(F32).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 2**31 - 1), bits)


def of_ranks(places: np.ndarray) -> np.ndarray:
    """The float32 numbers of such integers."""
    return np.where(places < 0, -1, 1).astype(F32) * abs(places).astype(np.int32).view(F32)


def first_rounded_to(value: Value, up: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The first integers whose number at the base is not below one of float32.

    Args:
        up: +1, or -1 per channel where all numbers are negated.
        places: ranks of the float32 numbers, (channels, any).

    Returns:
        Whole multiples |A| n, counted in the direction in which up * (A n + B) rises, (channels, any).
    """
    _, a, b = value.start
    last = int(float32_ranks(np.array(inf, F32)))
    number, before = (of_ranks(np.clip(one, -last, last)).astype(np.float64) for one in (places, places - 1))
    number, before = (np.clip(one, -(2.0**128), 2.0**128) for one in (number, before))
    middle = (number + before) / 2  # exactly
    with np.errstate(over="ignore"):
        number = np.where(middle.astype(F32) >= number, middle, np.nextafter(middle, inf))
    even = number.view(np.int64) % 2 == 0  # halfway to the number before is rounded to it
    found = [
        [_first(abs(scale), offset, *one) if scale else 0 for one in zip(row.tolist(), ties.tolist())]
        for scale, offset, row, ties in zip(a, up * b, number, even)
    ]
    return np.array(found, object).reshape(places.shape)


def _first(scale: Fraction, offset: Fraction, number: float, tie: bool) -> int:
    """The first n for which scale n + offset, rounded to float64, is not below a number."""
    n = ((Fraction(number) + Fraction(nextafter(number, -inf))) / 2 - offset) / scale
    return ceil(n) if tie else floor(n) + 1


def _affine(n: np.ndarray, a, b) -> np.ndarray:
    """A n + B per row of n, float64, rounded once."""
    below = [lcm(x.denominator, y.denominator) for x, y in zip(a, b)]
    times = [x.numerator * (d // x.denominator) for x, d in zip(a, below)]
    plus = [y.numerator * (d // y.denominator) for y, d in zip(b, below)]
    most = 2 ** (width_of(n) - 1)
    powers = all(not d & (d - 1) and d < 2**1000 for d in below)
    if powers and all(abs(t) * most + abs(p) < 2**53 for t, p in zip(times, plus)):
        columns = (np.array(x, np.float64)[:, None] for x in (times, plus, below))
        t, p, d = columns
        return (n * t + p) / d
    t, p, d = (np.array(x, object)[:, None] for x in (times, plus, below))
    return np.asarray(_ratio(n.astype(object) * t + p, np.broadcast_to(d, n.shape)), np.float64)


def float_ratio(above: int, below: int) -> float:
    """Their ratio as the nearest float64; infinity beyond the largest."""
    try:
        return above / below
    except OverflowError:
        return inf if above > 0 else -inf


_ratio = np.frompyfunc(float_ratio, 2, 1)
