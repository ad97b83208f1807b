"""What QONNX's quantiser nodes do to one number, and quantised constants.

Quantisers of activations become operators (`hw/ops/threshold/lower.py`); quantised weights are computed here.
"""

from collections.abc import Callable

import numpy as np
from onnx import NodeProto
from qonnx.custom_op.general.intquant import resolve_rounding_mode

from xnorforge.core.types import Record

from .values import F32, exact
from .walk import Walk, refuse

MOST_WIDTH = 32  # bits of a quantiser of constants; float32 numbers do not need more
# The modes that qonnx executes; all are monotone.
MODES = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


def bounds(bits: int, signed: int, narrow: int) -> tuple[int, int]:
    """Least and greatest integer of a quantiser."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def rounding(node: NodeProto, at: Record, default: str) -> Callable[[np.ndarray], np.ndarray]:
    """The rounding function of a quantiser node, qonnx's own."""
    mode = at.get("rounding_mode", default.encode()).decode()
    try:
        return resolve_rounding_mode(mode)
    except ValueError:
        why, cure = f"rounding mode {mode} is not supported", f"use one of {', '.join(MODES)}"
        raise refuse(node, why, cure) from None


def scalar(walk: Walk, node: NodeProto, index: int) -> float:
    given = walk.constant(node, index)
    assert given is not None
    if given.size != 1:
        raise refuse(node, f"input {index} has {given.size} numbers", "use one for the whole tensor")
    return float(given.reshape(-1)[0])


def width(walk: Walk, node: NodeProto, index: int) -> int:
    given = scalar(walk, node, index)
    if not given.is_integer() or given < 1:
        raise refuse(node, f"its width is {given:g} bits", "use a whole number of bits")
    if given > MOST_WIDTH:
        raise refuse(node, f"its width is {given:g} bits", "quantise to 16 bits or fewer")
    return int(given)


def sign(x: np.ndarray) -> np.ndarray:
    """Map levels 0 and 1 of a quantiser to -1 and +1."""
    return (x >= 0).astype(np.int64)


def checked_scale(node: NodeProto, scale):
    """Refuse a scale that is not positive."""
    if (np.asarray(scale) <= 0).any():
        raise refuse(node, f"its scale is {np.min(scale):g}", "use a positive scale")
    return scale


def constant_quantiser(walk, node: NodeProto, at: Record) -> None:
    """Quantised weights: integers and their scale per output, kept for the linear operators."""
    x, scale = walk.constants[node.input[0]], checked_scale(node, walk.constant(node, 1).astype(F32))
    if node.op_type == "BipolarQuant":
        integers = 2 * sign(x) - 1
    else:
        zero = np.atleast_1d(walk.constant(node, 2).astype(F32))
        level, _, step, low = levels(walk, node, at, zero)
        half = next((z for z, start in zip(zero.flat, low.flat) if start.denominator > step), None)
        if half is not None:
            raise refuse(node, f"its zero-point is {half:g}", "use a whole number for weights")
        integers = step * level(x / scale) + (step * low).astype(np.int64)
    walk.weights[node.output[0]] = integers.astype(np.int64), exact(scale).reshape(scale.shape)
    walk.constants[node.output[0]] = (integers * scale).astype(F32)


def levels(
    walk: Walk, node: NodeProto, at: Record, zero: np.ndarray
) -> tuple[Callable[[np.ndarray], np.ndarray], int, int, np.ndarray]:
    """What a Quant node does after the division by its scale.

    Args:
        zero: float32, the zero point in a shape that broadcasts against the numbers.

    Returns:
        level: float32 -> 0 .. steps; steps; and step, low with output = scale * step * (level + low), low
            exact in the shape of `zero`.
    """
    bits, signed = width(walk, node, 3), at.get("signed", 1)
    offset = exact(zero).reshape(zero.shape)
    if bits == 1 and signed:  # -1 and +1, as qonnx has it
        return lambda x: sign(x + zero), 1, 2, (-1 - offset) / 2
    low, high = bounds(bits, signed, at.get("narrow", 0))
    nearest = rounding(node, at, "ROUND")

    def level(x):
        return np.clip(nearest(x + zero), low, high).astype(np.int64) - low

    return level, high - low, 1, low - offset
