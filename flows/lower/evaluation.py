"""The float32 arithmetic of the network on an integer tensor, operation by operation."""

from math import inf, lcm

import numpy as np

from xnorforge.hw.any_width import width_of

from .values import F32, Value


@np.errstate(over="ignore", invalid="ignore")  # infinity is as monotone as a number; the caller refuses NaN
def evaluate(value: Value, n: np.ndarray, nudge: int = 0) -> np.ndarray:
    """The value in the reference's own float32 arithmetic, from the exact number at its base.

    Args:
        n: integers of the base leaf, shape (channels, any).
        nudge: +1 or -1 moves results of functions up or down by the most that runs of the reference may
            differ.

    Returns:
        float32 of the same shape.
    """
    _, a, b = value.start
    x = _affine(n, a, b).astype(F32)
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
