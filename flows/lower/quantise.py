"""Quantisers become integer thresholds, found by searching the reference's own float32 arithmetic.

Before:  leaf n -> chain of float32 operations -> quantiser
After:   leaf n -> Threshold, value = scale * (level + low)
Why:     the chain is monotone in float32, so the first n that reaches a level is found by bisection over the
         reachable integers. Thresholds lie in lo .. hi + 1: "always" and "never" stay exact.
"""

from fractions import Fraction

import numpy as np
from qonnx.custom_op.general.intquant import resolve_rounding_mode

from .joins import single
from .values import F32, Value, evaluate, exact
from .walk import refuse, rule

MODES = (
    "ROUND",
    "CEIL",
    "FLOOR",
    "UP",
    "DOWN",
    "HALF_UP",
    "HALF_DOWN",
)  # those that qonnx executes; all are monotone


def thresholds(value: Value, leaf, level, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """First integer that reaches each level.

    Args:
        value: over one leaf; leaf: that leaf.
        level: float32 (channels, any) -> levels 0 .. steps, not falling.

    Returns:
        thresholds int64 (channels, steps) and direction int64 (channels,): level = count of t with direction
        * n >= t.
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
    ends = evaluate(value, np.stack([leaf.lo, leaf.hi], 1))
    if np.isnan(ends).any():  # infinity times zero: float32 is not monotone here
        raise refuse(node, "float32 overflows in front of it", "train and export the network again")
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


def bounds(bits: int, signed: int, narrow: int) -> tuple[int, int]:
    """Least and greatest integer of a quantiser."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def rounding(node, at, default: str):
    """The rounding function of a quantiser node, qonnx's own."""
    mode = at.get("rounding_mode", default.encode()).decode()
    try:
        return resolve_rounding_mode(mode)
    except ValueError:
        raise refuse(node, f"rounding mode {mode} has no rule", f"use one of {', '.join(MODES)}") from None


def _scalar(walk, node, index: int) -> float:
    given = walk.constant(node, index)
    if given.size != 1:
        raise refuse(node, f"input {index} has {given.size} numbers", "use one for the whole tensor")
    return float(given.reshape(-1)[0])


def _bits(walk, node, index: int) -> int:
    given = _scalar(walk, node, index)
    if not given.is_integer() or given < 1:
        raise refuse(node, f"its width is {given:g} bits", "use a whole number of bits")
    return int(given)


def _sign(x) -> np.ndarray:
    """Levels 0 and 1 of a quantiser to -1 and +1."""
    return (x >= 0).astype(np.int64)


def _checked_scale(node, scale):
    """Refuse a scale that is not positive."""
    if (np.asarray(scale) <= 0).any():
        raise refuse(node, f"its scale is {np.min(scale):g}", "use a positive scale")
    return scale


def constant_quantiser(walk, node, at):
    """Quantised weights: integers and their scale per output, kept for the linear operators."""
    x, scale = walk.constants[node.input[0]], _checked_scale(node, walk.constant(node, 1).astype(F32))
    if node.op_type == "BipolarQuant":
        integers = 2 * _sign(x) - 1
    else:
        level, _, step, low = _levels(walk, node, at)
        if low.denominator > step:
            raise refuse(node, f"its zero-point is {_scalar(walk, node, 2):g}", "use a whole one for weights")
        integers = step * level(x / scale) + int(step * low)
    exact_scale = exact(scale).reshape(scale.shape)
    walk.weights[node.output[0]] = integers.astype(np.int64), exact_scale
    walk.constants[node.output[0]] = (integers * scale).astype(F32)


@rule("BipolarQuant")
def _bipolar(walk, node, at):
    if node.input[0] in walk.constants:
        return constant_quantiser(walk, node, at)
    scale = _checked_scale(node, _scalar(walk, node, 1))
    return quantised(walk, node, lambda x: _sign(x / F32(scale)), 1, 2 * exact([scale])[0], Fraction(-1, 2))


@rule("Quant")
def _quant(walk, node, at):
    if node.input[0] in walk.constants:
        return constant_quantiser(walk, node, at)
    value = walk.value(node)
    level, steps, step, low = _levels(walk, node, at)
    if steps >= 2**16:
        raise refuse(
            node,
            f"{steps.bit_length()} bits need {steps} thresholds per channel",
            "quantise to 16 bits or fewer",
        )
    scale = walk.per_channel(node, _checked_scale(node, walk.constant(node, 1).astype(F32)), value)
    return quantised(walk, node, lambda x: level(x / scale[:, None]), steps, step * exact(scale), low)


def _levels(walk, node, at):
    """What a Quant node does behind the division by its scale.

    Returns:
        level: float32 -> 0 .. steps; steps; and step, low with output = scale * step * (level + low).
    """
    zero, bits = _scalar(walk, node, 2), _bits(walk, node, 3)
    signed = at.get("signed", 1)
    if bits == 1 and signed:  # -1 and +1, as qonnx has it
        return lambda x: _sign(x + F32(zero)), 1, 2, (-1 - Fraction(zero)) / 2
    low, high = bounds(bits, signed, at.get("narrow", 0))
    nearest = rounding(node, at, "ROUND")

    def level(x):
        return (np.clip(nearest(x + F32(zero)), low, high) - low).astype(np.int64)

    return level, high - low, 1, low - Fraction(zero)


@rule("Trunc")
def _trunc(walk, node, at):
    """Both versions of qonnx: 2 states the output's scale and clips; 1 keeps scale and zero-point, and does
    not clip.
    """
    scale, zero, nearest = _scalar(walk, node, 1), _scalar(walk, node, 2), rounding(node, at, "FLOOR")
    second = len(node.input) == 6
    out_scale = _scalar(walk, node, 4) if second else scale
    bits = _bits(walk, node, 5 if second else 4)
    shift = 2.0 ** (np.round(np.log2(out_scale / scale)) if second else _scalar(walk, node, 3) - bits)

    def shifted(x):
        return np.round(x / F32(scale) + F32(zero)) / F32(shift)

    if second:
        low, high = bounds(bits, at.get("signed", 1), at.get("narrow", 0))
    else:
        value = walk.values[node.input[0]] = single(walk, walk.value(node), node)
        leaf = walk.leaves[value.base[0]]
        reached = nearest(shifted(evaluate(value, np.stack([leaf.lo, leaf.hi], 1))))
        low, high = int(reached.min()), int(reached.max())

    def level(x):
        return (nearest(np.clip(shifted(x), low, high)) - low).astype(np.int64)

    out_zero = Fraction(zero) / Fraction(shift) if second else Fraction(zero)
    return quantised(walk, node, level, high - low, exact([out_scale])[0], low - out_zero)


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
