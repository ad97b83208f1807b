"""Functions in a chain (`values.Function`): every integer is tried where float32 may violate their order, and
step functions become the levels that they take."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from math import gcd

import numpy as np
from onnx import NodeProto

from xnorforge.hw.any_width import whole_numbers

from .evaluation import along, at_base, evaluate, float32_ranks, of_ranks
from .narrowing import some_between
from .values import F32, LINEAR, Function, Leaf, Value, append, common_grid, exact, of_leaf, signs_of
from .walk import Walk, refuse

MOST_TRIED = 2**24  # integers of all channels
MOST_LEVELS = 2**16
FEW_LEVELS = 16
BLOCK = 2**12  # integers per channel at a time


def thresholds(
    value: Value, leaf: Leaf, level: Callable[[np.ndarray], np.ndarray], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """First integer that reaches each level: that reaches the first float32 number at the base that does.

    Args:
        value: over one leaf; leaf: that leaf.
        level: float32 (channels, any) -> levels 0 .. steps, non-decreasing.

    Returns:
        thresholds t, integers (channels, steps), direction int64 (channels,): count of direction * n >= t.
    """
    direction = value.direction
    up = direction * np.where(signs_of(value.start[1]) < 0, -1, 1)
    sign = up[:, None].astype(F32)  # the level rises with sign * base
    low, high = np.where(direction > 0, leaf.lo, -leaf.hi), np.where(direction > 0, leaf.hi, -leaf.lo)
    ends = np.stack([low, high], 1) * direction[:, None]
    lowest, highest = float32_ranks(at_base(value, ends) * sign).T
    wanted = np.arange(1, steps + 1)[None, :]
    number = _first(lowest, highest, steps, lambda rank: level(along(value, of_ranks(rank) * sign)) >= wanted)
    found = _first(
        low, high, steps, lambda n: float32_ranks(at_base(value, n * direction[:, None]) * sign) >= number
    )
    return whole_numbers(found), direction


def _first(low: np.ndarray, high: np.ndarray, steps: int, reached) -> np.ndarray:
    """Per channel and step, (channels, steps): the least of low .. high that has reached it, or high + 1."""
    first, last = (np.repeat(end[:, None], steps, 1) for end in (low, high + 1))
    while (apart := first < last).any():
        middle = (first + last) // 2
        there = reached(middle)
        last = np.where(apart & there, middle, last)
        first = np.where(apart & ~there, middle + 1, first)
    return first


def functions_of(value: Value) -> list[Function]:
    """The functions in the value's chain."""
    return [op for op, *_ in value.chain if isinstance(op, Function)]


def every_integer(leaf: Leaf) -> Iterator[np.ndarray]:
    """All reachable integers, int64 (channels, any) at a time; a channel with fewer repeats its last."""
    for start in range(0, int((leaf.hi - leaf.lo).max()) + 1, BLOCK):
        yield np.minimum(leaf.lo[:, None] + np.arange(start, start + BLOCK), leaf.hi[:, None])


def check_order(
    node: NodeProto, value: Value, leaf: Leaf, level: Callable[[np.ndarray], np.ndarray],
    found: np.ndarray, direction: np.ndarray,
) -> None:  # fmt: skip
    """Try every reachable integer on a function that float32 computes only approximately.

    Args:
        level: float32 (channels, any) -> levels.
        found, direction: its thresholds, as returned by `thresholds`.

    Raises:
        UserError: levels do not rise with the integers, or differ between runs of the reference, or there are
            too many integers to try.
    """
    smooth = [one.name for one in functions_of(value) if one.spread]
    if not smooth:
        return
    _check_count(node, leaf)
    for n in every_integer(leaf):
        x = n * direction[:, None]
        wanted = np.stack([np.searchsorted(t, row, side="right") for t, row in zip(found, x)])
        for nudge in (0, 1, -1):
            wrong = level(evaluate(value, n, nudge)) != wanted
            if wrong.any():
                channel, at = np.argwhere(wrong)[0]
                raise refuse(
                    node,
                    f"{smooth[-1]} before it, rounded to float32, lies on a threshold where channel "
                    f"{channel} of {leaf.name} is {n[channel, at]}",
                    "change the scale of the quantiser slightly, or use Clip instead of it",
                )


def _check_count(node, leaf: Leaf) -> None:
    count = int((leaf.hi - leaf.lo).max() + 1) * leaf.channels
    if count > MOST_TRIED:
        why = f"a function before it would have to be tried on {count:,} integers, more than {MOST_TRIED:,}"
        raise refuse(node, why, "put a quantiser before the function, or use Clip instead of it")


Steps = tuple[Value, Fraction, Fraction, int]


def _whole_levels(walk, value: Value, leaf: Leaf, last: int, operations) -> Steps | None:
    """Like `steps_of`, without trying every integer: a chain of steps that ends in whole numbers,
    maybe clipped at such, takes all between its ends. None if the chain may behave differently."""
    if not operations[last].whole or any(one.spread for one in functions_of(value)):
        return None
    end = last
    while end + 1 < len(operations) and operations[end + 1] == "clip":
        end += 1
    part = _part(value, leaf, end)
    ends = evaluate(part, np.stack([leaf.lo, leaf.hi], 1))
    if not (np.isfinite(ends).all() and (ends == np.rint(ends)).all()):
        return None
    least, steps = int(ends.min()), int(ends.max() - ends.min()) or 1
    if steps >= MOST_LEVELS:
        return None
    grid = _step_taken(walk, part, leaf, least, steps)
    return part, Fraction(least), Fraction(grid), steps // grid


def _step_taken(walk, value: Value, leaf: Leaf, least: int, steps: int) -> int:
    """The largest step between whole numbers least .. least + steps that occur: 2 of signs never 0."""
    if steps > FEW_LEVELS:
        return 1
    found, direction = thresholds(value, leaf, lambda x: np.rint(x).astype(np.int64) - least, steps)
    first, last = found[:, :-1], found[:, 1:]
    between, source = first < last, walk.makers.get(leaf.name)  # levels 1 .. steps - 1 that an integer takes
    if between.any() and source is not None and "multipliers" in source.at:
        lo, hi = (np.array([getattr(walk.leaves[one], end) for one in source.inputs]) for end in ("lo", "hi"))
        between = some_between(source.at["multipliers"] * direction, lo, hi, first, last)
    return gcd(steps, *(np.flatnonzero(between.any(0)) + 1).tolist())


def _part(value: Value, leaf: Leaf, end: int) -> Value:
    """The value with its chain up to and with operation `end`."""
    part = of_leaf(leaf, *value.start[1:], value.reach)
    for op, *given in value.chain[: end + 1]:
        part = append(part, op, *given)
    return part


def steps_of(walk: Walk, value: Value, node: NodeProto) -> Steps:
    """The part of a chain with step functions after which the numbers lie on a grid.

    Returns:
        the value there, its least number, the grid, and the number of grid steps.

    Raises:
        UserError: there is no such part.
    """
    functions = functions_of(value)
    name = functions[-1].name
    if functions[-1].spread:
        why = f"{name} produces real numbers, and no quantiser follows it"
        raise refuse(node, why, "put a quantiser after it, or remove it")
    leaf = walk.leaves[value.start[0]]
    operations = [op for op, *_ in value.chain]
    last = operations.index(functions[-1])
    if found := _whole_levels(walk, value, leaf, last, operations):
        return found
    _check_count(node, leaf)
    for end in reversed([k for k, op in enumerate(operations) if k >= last and op not in LINEAR]):
        part = _part(value, leaf, end)
        numbers = np.unique(np.concatenate([np.unique(evaluate(part, n)) for n in every_integer(leaf)]))
        if not np.isfinite(numbers).all():
            raise refuse(node, "float32 overflows before it", "train and export the network again")
        if len(numbers) < MOST_LEVELS:
            points = exact(numbers)
            grid = common_grid(points - points[0])
            steps = int((points[-1] - points[0]) / grid) if grid else 1
            if steps < MOST_LEVELS:
                return part, points[0], grid or Fraction(1), steps
    why = f"{name} produces numbers that do not lie on a common grid"
    raise refuse(node, why, "put a Clip or a Quant node after it")
