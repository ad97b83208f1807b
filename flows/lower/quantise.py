"""Quantisers become integer thresholds, found by searching the reference's own float32 arithmetic.

Before:  leaf n -> chain of float32 operations -> quantiser
After:   leaf n -> Threshold, value = scale * (level + low)
Why:     the chain is monotone in float32, so the first n that reaches a level is found by bisection over the reachable
         integers. Thresholds lie in lo .. hi + 1: "always" and "never" stay exact.
"""

from fractions import Fraction

import numpy as np

from .joins import single
from .values import F32, Value, evaluate, exact
from .walk import refuse, rule

ROUNDING = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil, "ROUND_TO_ZERO": np.trunc}


def thresholds(value: Value, leaf, level, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """First integer that reaches each level.

    Args:
        value: over one leaf; leaf: that leaf.
        level: float32 (channels, any) -> levels 0 .. steps, not falling.

    Returns:
        thresholds int64 (channels, steps) and direction int64 (channels,): level = count of t with direction * n >= t.
    """
    direction = np.where(value.rising < 0, -1, 1)
    low = np.where(direction > 0, leaf.lo, -leaf.hi)
    high = np.where(direction > 0, leaf.hi, -leaf.lo)
    first = np.repeat(low[:, None], steps, 1)
    last = np.repeat(high[:, None] + 1, steps, 1)
    wanted = np.arange(1, steps + 1)[None, :]
    while (first < last).any():
        middle = (first + last) // 2
        reached = level(evaluate(value, middle * direction[:, None])) >= wanted
        open_ = first < last
        last = np.where(open_ & reached, middle, last)
        first = np.where(open_ & ~reached, middle + 1, first)
    return first, direction


def quantised(walk, node, level, steps: int, scale, low) -> Value:
    """Emit the Threshold of a quantiser node whose output is scale * (level + low)."""
    value = single(walk, walk.value(node), node)
    leaf = walk.leaves[value.base[0]]
    found, direction = thresholds(value, leaf, level, steps)
    if _is_identity(found, direction, leaf):
        return _remember(walk, node, walk.value_of(leaf, scale, scale * (low - leaf.range[0])))
    out = walk.emit(
        "Threshold", [leaf], leaf.shape, 0, steps, f"{leaf.layer}_threshold", leaf.layer, leaf.order,
        thresholds=found, direction=direction,
    )  # fmt: skip
    return _remember(walk, node, walk.value_of(out, scale, scale * low))


def _is_identity(found, direction, leaf) -> bool:
    """Whether level = n - lo for every reachable n: an 8-bit quantiser on the pixels it was made for."""
    low, high = leaf.range
    if not 1 < high - low <= found.shape[1]:
        return False
    steps = np.arange(low + 1, high + 1)
    inside = found[:, : len(steps)]
    return bool(
        (leaf.lo == low).all()
        and (direction > 0).all()
        and (inside == steps).all()
        and (found[:, len(steps) :] > high).all()
    )


def _remember(walk, node, value: Value) -> Value:
    walk.activations[node.output[0]] = value
    return value


def bounds(bits: float, signed: int, narrow: int) -> tuple[int, int]:
    """Least and greatest integer of a quantiser."""
    if signed:
        return -(2 ** (int(bits) - 1)) + narrow, 2 ** (int(bits) - 1) - 1
    return 0, 2 ** int(bits) - 1 - narrow


def rounding(node, at, default: str):
    """The rounding function of a quantiser node."""
    mode = at.get("rounding_mode", default.encode()).decode().upper()
    if mode not in ROUNDING:
        raise refuse(node, f"rounding mode {mode} has no rule", f"use one of {', '.join(ROUNDING)}")
    return ROUNDING[mode]


def _scalar(walk, node, index: int) -> float:
    given = walk.constant(node, index)
    if given.size != 1:
        raise refuse(node, f"input {index} has {given.size} numbers", "use one for the whole tensor")
    return float(given.reshape(-1)[0])


def _checked_scale(node, scale):
    """Refuse a scale that is not positive."""
    if (np.asarray(scale) <= 0).any():
        raise refuse(node, f"its scale is {np.min(scale):g}", "use a positive scale")
    return scale


def constant_quantiser(walk, node, at):
    """Quantised weights: integers and their scale per output, kept for the linear operators."""
    x, scale = walk.constants[node.input[0]], _checked_scale(node, walk.constant(node, 1).astype(F32))
    if node.op_type == "BipolarQuant":
        integers = np.where(x >= 0, 1, -1)
    else:
        zero, bits = _scalar(walk, node, 2), _scalar(walk, node, 3)
        low, high = bounds(bits, at.get("signed", 1), at.get("narrow", 0))
        integers = np.clip(rounding(node, at, "ROUND")(x / scale + F32(zero)), low, high) - zero
    exact_scale = exact(scale).reshape(scale.shape)
    walk.weights[node.output[0]] = integers.astype(np.int64), exact_scale
    walk.constants[node.output[0]] = (integers * scale).astype(F32)


@rule("BipolarQuant")
def _bipolar(walk, node, at):
    if node.input[0] in walk.constants:
        return constant_quantiser(walk, node, at)
    scale = exact([_checked_scale(node, _scalar(walk, node, 1))])[0]
    return quantised(walk, node, lambda x: (x >= 0).astype(np.int64), 1, 2 * scale, Fraction(-1, 2))


@rule("Quant")
def _quant(walk, node, at):
    if node.input[0] in walk.constants:
        return constant_quantiser(walk, node, at)
    value = walk.value(node)
    zero, bits = _scalar(walk, node, 2), _scalar(walk, node, 3)
    low, high = bounds(bits, at.get("signed", 1), at.get("narrow", 0))
    if bits > 16:
        raise refuse(node, f"{bits:.0f} bits need {high - low} thresholds per channel", "quantise to 16 bits or fewer")
    scale = walk.per_channel(node, _checked_scale(node, walk.constant(node, 1).astype(F32)), value)
    nearest = rounding(node, at, "ROUND")

    def level(x):
        return (np.clip(nearest(x / scale[:, None] + F32(zero)), low, high) - low).astype(np.int64)

    return quantised(walk, node, level, high - low, exact(scale), Fraction(low) - Fraction(zero))


@rule("Trunc")
def _trunc(walk, node, at):
    given = [_scalar(walk, node, k) for k in range(1, len(node.input))]
    if len(given) == 5:
        scale, zero, _, out_scale, bits = given
        shift = 2.0 ** np.round(np.log2(out_scale / scale))
    else:
        scale, zero, in_bits, bits = given
        shift, out_scale = 2.0 ** (in_bits - bits), scale
    low, high = bounds(bits, at.get("signed", 0), at.get("narrow", 0))
    nearest = rounding(node, at, "FLOOR")

    def level(x):
        return (nearest(np.clip(np.round(x / F32(scale) + F32(zero)) / shift, low, high)) - low).astype(np.int64)

    return quantised(
        walk, node, level, high - low, exact([out_scale])[0], Fraction(low) - Fraction(zero) / Fraction(shift)
    )


@rule("MultiThreshold")
def _multi_threshold(walk, node, at):
    value, steps = walk.value(node), walk.constant(node, 1).astype(F32)
    if (np.diff(steps, axis=1) < 0).any():
        raise refuse(node, "its thresholds do not rise", "sort the thresholds of every channel")
    steps = np.repeat(steps, value.channels, 0) if len(steps) == 1 else steps
    steps = steps if value.leaf.order is None else steps[value.leaf.order]
    scale, bias = Fraction(at.get("out_scale", 1.0)), Fraction(at.get("out_bias", 0.0))

    def level(x):
        return np.stack([np.searchsorted(t, row, side="right") for t, row in zip(steps, x)])

    return quantised(walk, node, level, steps.shape[1], scale, bias / scale)
