"""ReLU, PReLU and clipping: steps of a chain, or clipped integers where a sum needs them exactly."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, lcm

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.exact import exactly, on_one_unit
from xnorforge.hw.lowering.examples import random_leaf, random_shape, random_signs
from xnorforge.hw.lowering.linear import WIDEST
from xnorforge.hw.lowering.registry import MAKERS, arithmetic, example, maker, meaning, rule
from xnorforge.hw.lowering.sums import added_up, affine, aligned, single
from xnorforge.hw.lowering.values import F32, Value, append, reach_of, signs_of
from xnorforge.hw.lowering.walk import refuse


@meaning("Clip")
def clip(x: np.ndarray, at: Record) -> np.ndarray:
    """mul * x, not below `at` where direction is +1, not above it where direction is -1."""
    x = x * at["mul"]
    return np.where(at["direction"] > 0, np.maximum(x, at["at"]), np.minimum(x, at["at"]))


@rule("Relu", "PRelu", "LeakyRelu")
def _relu(walk, node, at):
    """ReLU, and PReLU or leaky ReLU with slopes of zero or more, as a float function of one integer."""
    value = walk.value(node, arrange=False)
    if node.op_type == "PRelu":
        slope = walk.per_channel(node, walk.constant(node, 1), value)
    else:
        slope = np.full(value.channels, at.get("alpha", 0.01) if node.op_type == "LeakyRelu" else 0, F32)
    if (slope < 0).any():
        raise refuse(node, "a negative slope is not monotonic", "use slopes of zero or more")
    return append(single(walk, value, node), "prelu", slope)


@rule("Clip")
def _clip(walk, node, at):
    """Clipping to a minimum and a maximum, as a float function of one integer."""
    value = walk.value(node, arrange=False)
    ends = [walk.constant(node, k) for k in (1, 2)]
    low, high = (at.get(key) if end is None else float(end) for key, end in zip(("min", "max"), ends))
    low, high = -np.inf if low is None else low, np.inf if high is None else high
    if low > high:
        raise refuse(node, f"its minimum {low:g} is larger than its maximum {high:g}", "swap them")
    bounds = (np.full(value.channels, end, F32) for end in (low, high))
    return append(single(walk, value, node), "clip", *bounds)


@arithmetic("Clip")
def _clipped_exactly(net, node, at):
    x = net.read(node, 0)
    for index, key, within in ((1, "min", np.maximum), (2, "max", np.minimum)):
        end = at.get(key)
        if len(node.input) > index and node.input[index]:
            end = net.constants[node.input[index]].reshape(-1)[0]
        if end is not None and np.isfinite(end):
            (numbers, bound), unit = on_one_unit(x, exactly(end))
            x = replace(x, numbers=within(numbers, bound), unit=unit)
    return x


@rule("Max", "Min")
def _extreme(walk, node, _at):
    """The maximum or minimum of activations, and of a constant."""
    given = [k for k, name in enumerate(node.input) if name not in walk.constants]
    value, *others = [walk.value(node, k, arrange=False) for k in given]
    for other in others:
        value = _farther(walk, node, *aligned(walk, node, [value, other]))
    for k in {*range(len(node.input))}.difference(given):
        value = single(walk, value, node)
        bound = walk.per_channel(node, walk.constant(node, k), value).astype(F32)
        none = np.full_like(bound, np.inf)
        value = append(value, "clip", *((bound, none) if node.op_type == "Max" else (-none, bound)))
    return value


def _farther(walk, node, a: Value, b: Value) -> Value:
    """The larger of two values, b + max(a - b, 0), or for Min the smaller, a - max(a - b, 0).

    Where a - b has more bits than a matrix takes, one bit says that it is 0 or more, another that it is less,
    and each value is multiplied by its bit: the products are as narrow as the integers."""
    apart, larger = single(walk, added_up(walk, node, [a, b], (1, -1)), node), node.op_type == "Max"
    leaf = apart.leaf
    if leaf.bits <= WIDEST:
        above = affine(walk, append(apart, "prelu", np.zeros(apart.channels, F32)), node)
        return added_up(walk, node, [b if larger else a, above], (1, 1 if larger else -1))
    up = signs_of(apart.single[1])
    if not all(up):
        raise refuse(node, "both values are the same in a channel", "remove the channel")
    first = np.array([ceil(-b / (a * s)) for a, b, s in zip(apart.single[1], apart.offset, up)], object)
    terms: dict[str, np.ndarray] = {}
    for value, step, way in ((a, first, up), (b, 1 - first, -up)):
        way, step = (way, step) if larger else (-way, 1 - step)
        name = f"{leaf.layer}_reached"
        bit = MAKERS["levels"](walk, leaf, whole_numbers(step)[:, None], way, name)
        for one, factor in value.coefficients.items():
            source = walk.leaves[one]
            low, high = np.minimum(source.lo, 0), np.maximum(source.hi, 0)
            name = f"product{walk.counts['Product']}"
            out = walk.emit("Product", [bit, source], a.shape, low, high, name, order=leaf.order, xnor=False)
            terms[out.name] = factor
        if any(value.offset):
            terms[bit.name] = value.offset
    return Value(leaf, terms, 0 * a.offset, reach=np.maximum(reach_of(a), reach_of(b)), view=apart.view)


@maker("rectified")
def _rectified(walk, leaf: str, a, b):
    """max(A n + B, 0) as {leaf: A}, B over clipped integers, exactly for every n.

    Where the kink -B/A lies on the integer or half-integer grid, one clipped leaf is enough. Elsewhere n is
    clipped at the first integer beyond the kink, and one more bit tells whether it is reached."""
    source = walk.leaves[leaf]
    ends = [whole_numbers(end) for end in (source.lo, source.hi)]
    kink = [-y / x if x else Fraction(0) for x, y in zip(a, b)]
    b, rising = np.where(a == 0, np.maximum(b, 0), b), np.where(a < 0, -1, 1)
    common = lcm(*{k.denominator for k in kink})

    def clipped(mul, at):
        reached = (np.where(rising > 0, np.maximum(e * mul, at), np.minimum(e * mul, at)) for e in ends)
        name, own = f"{source.layer}_clip", {"mul": mul, "at": at, "direction": rising}
        given = source.shape, *reached, name, source.layer, source.order
        return walk.emit("Clip", [source], *given, **own).name

    if common <= 2:
        at = whole_numbers(np.array([int(k * common) for k in kink], object))
        return {clipped(common, at): a / common}, b
    above = [-(-k.numerator // k.denominator) if up > 0 else k.numerator // k.denominator
             for k, up in zip(kink, rising)]  # fmt: skip
    at = whole_numbers(np.array(above, object))
    name = f"{source.layer}_reached"
    bit = MAKERS["levels"](walk, source, (at * rising)[:, None], rising, name)
    jump = np.array([x * int(k) + y if x else x for x, k, y in zip(a, at, b)], object)
    return {clipped(1, at): a, bit.name: jump}, b - jump


@example("Clip")
def _clipped(rng):
    leaf, mul = random_leaf(rng, random_shape(rng)), int(rng.integers(1, 3))
    at = rng.integers(mul * leaf.lo - 1, mul * leaf.hi + 2)
    return [leaf], [("Clip", {"mul": mul, "at": at, "direction": random_signs(rng, leaf.channels)})]
