"""The float32 arithmetic of the network on an integer tensor, operation by operation."""

from math import inf, lcm

import numpy as np

from xnorforge.hw.any_width import width_of

from .values import F32, Value


def evaluate(value: Value, n: np.ndarray, nudge: int = 0) -> np.ndarray:
    """The value in the reference's own float32 arithmetic, from the exact number at its base.

    Args:
        n: integers of the base leaf, shape (channels, any).
        nudge: +1 or -1 moves results of functions by the most that runs of the reference may differ.

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


def _affine(n: np.ndarray, a, b) -> np.ndarray:
    """A n + B per row of n, float64, rounded once."""
    below = [lcm(x.denominator, y.denominator) for x, y in zip(a, b)]
    times = [x.numerator * (d // x.denominator) for x, d in zip(a, below)]
    plus = [y.numerator * (d // y.denominator) for y, d in zip(b, below)]
    most = 2 ** (width_of(n) - 1)
    powers = all(not d & (d - 1) and d < 2**1000 for d in below)
    if powers and all(abs(t) * most + abs(p) < 2**63 for t, p in zip(times, plus)):
        t, p = (np.array(x, np.int64)[:, None] for x in (times, plus))
        return (n.astype(np.int64) * t + p).astype(np.float64) / np.array(below, np.float64)[:, None]
    t, p, d = (np.array(x, object)[:, None] for x in (times, plus, below))
    return np.asarray(_ratio(n.astype(object) * t + p, np.broadcast_to(d, n.shape)), np.float64)


def float_ratio(above: int, below: int) -> float:
    """Their ratio as the nearest float64; infinity beyond the largest."""
    try:
        return above / below
    except OverflowError:
        return inf if above > 0 else -inf


_ratio = np.frompyfunc(float_ratio, 2, 1)
