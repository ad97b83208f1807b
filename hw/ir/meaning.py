"""What an expression means: its results in unbounded integers, by numpy."""

from collections.abc import Callable, Sequence

import numpy as np

from xnorforge.hw.ir.values import Value, flat

INT64_BITS = 62  # of values with which int64 computes exactly, sums included

OPERATIONS: dict[str, Callable[..., np.ndarray]] = {
    "+": lambda _, a, b: a + b,
    "-": lambda _, a, b: a - b,
    "*": lambda _, a, b: a * b,
    "<<": lambda one, a: a << one.data,
    ">>": lambda one, a: a >> one.data,
    "~": lambda _, a: -1 - a,
    "!": lambda _, a: 1 - a,
    ">=": lambda _, a, b: (a >= b) * 1,
    ">": lambda _, a, b: (a > b) * 1,
    "==": lambda _, a, b: (a == b) * 1,
    "&": lambda _, a, b: a & b,
    "|": lambda _, a, b: a | b,
    "^": lambda _, a, b: a ^ b,
    "low": lambda one, a: a & (1 << one.data) - 1,
    "wrap": lambda one, a: (a - one.lo & (1 << one.data[0]) - 1) + one.lo,
    "within": lambda one, a: _inside(one, a),
    "cut": lambda _, a: a,
    "choose": lambda _, c, a, b: np.where(c, a, b),
}  # fmt: skip


def computed(
    value: Value, streams: Sequence[np.ndarray], rows: Sequence[int] = (), columns: Sequence[int] = ()
) -> np.ndarray:
    """The results for elements (…, C) of each input stream, integers of their shape: int64, or Python's
    where a value on the way needs more bits.

    Args:
        rows, columns: the classes of places that tables depend on.

    Raises:
        AssertionError: a value is outside of a range that `within` states.
    """
    values = flat(value)
    kind = object if any(one.bits > INT64_BITS for one in values) else np.int64
    streams = [np.asarray(x).astype(kind) for x in streams]
    known: dict[int, np.ndarray] = {}
    for one in values:
        if one.op == "input":
            known[id(one)] = streams[one.data]
        elif one.op in ("number", "table"):
            entries = np.asarray(one.data, kind)
            entries = entries[np.ix_(rows, columns)] if entries.ndim > 1 else entries
            known[id(one)] = entries[..., np.newaxis] if entries.ndim == 2 else entries
        elif one.op == "entry":
            index = known[id(one.args[0])].astype(np.int64) if one.args else 0
            known[id(one)] = np.asarray(one.data, kind)[np.arange(len(one.data)), index]
        else:
            known[id(one)] = OPERATIONS[one.op](one, *(known[id(each)] for each in one.args))
    return np.broadcast_to(known[id(value)], streams[0].shape)


def _inside(one: Value, found: np.ndarray) -> np.ndarray:
    assert ((found >= one.lo) & (found <= one.hi)).all(), f"{one.name}: outside of {one.lo} .. {one.hi}"
    return found
