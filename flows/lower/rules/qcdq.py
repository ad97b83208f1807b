"""QCDQ: QuantizeLinear, Clip and DequantizeLinear of the ONNX standard instead of one Quant node.

QuantizeLinear is one step of a chain, Clip another; where DequantizeLinear needs the integers, the chain so
far becomes one quantiser (the task "steps").
"""

import numpy as np
from onnx import helper

from xnorforge.hw.lowering.registry import rule
from xnorforge.hw.lowering.sums import affine, single
from xnorforge.hw.lowering.values import F32, append, exact
from xnorforge.hw.lowering.walk import refuse

from .functions import stepped


def _zero_point(walk, node) -> np.ndarray:
    """The zero points; their type is that of the integers, uint8 if there are none."""
    given = walk.constant(node, 2)
    if given is None or given.dtype.kind in "iu":
        return np.zeros(1, np.uint8) if given is None else given
    raise refuse(node, f"its zero point has type {given.dtype}", "use integers of 4, 8 or 16 bits")


def _scale(walk, node) -> np.ndarray:
    scale = walk.constant(node, 1)
    if (scale <= 0).any():
        raise refuse(node, f"its scale is {scale.min():g}", "use a positive scale")
    return scale.astype(F32)


def _along(node, at, constant: np.ndarray, rank: int) -> np.ndarray:
    """A constant per channel in the shape that broadcasts along the node's axis."""
    if constant.size == 1:
        return constant.reshape([1] * rank)
    if at.get("block_size", 0) or constant.ndim != 1:
        raise refuse(node, "it has one scale per block", "use one scale, or one per channel")
    shape = [1] * rank
    shape[at.get("axis", 1)] = constant.size
    return constant.reshape(shape)


@rule("QuantizeLinear")
def _quantize_linear(walk, node, at):
    """round(x / scale) + zero point, ties to even, clipped to the range of the integers."""
    scale, zero = _scale(walk, node), _zero_point(walk, node)
    type_ = helper.tensor_dtype_to_np_dtype(at["output_dtype"]) if at.get("output_dtype") else zero.dtype
    if type_.kind not in "iu":
        raise refuse(node, f"it quantises to {type_}", "use integers of 4, 8 or 16 bits")
    info = np.iinfo(type_)

    def integers(x, s, z):
        return np.clip(np.rint(x / s) + z, info.min, info.max)

    if node.input[0] in walk.constants:
        x = walk.constants[node.input[0]].astype(F32)
        scale, zero = (_along(node, at, one, x.ndim) for one in (scale, zero))
        walk.constants[node.output[0]] = integers(x, scale, zero).astype(type_)
        return None
    value = single(walk, walk.value(node, arrange=False), node)
    rank = len(walk.model.get_tensor_shape(node.input[0]))
    scale, zero = (walk.per_channel(node, _along(node, at, one, rank), value) for one in (scale, zero))
    return stepped(node, value, integers, scale, zero.astype(F32), whole=True)


@rule("DequantizeLinear")
def _dequantize_linear(walk, node, at):
    """(n - zero point) * scale."""
    scale, zero = _scale(walk, node), _zero_point(walk, node)
    if node.input[0] in walk.constants:
        given = walk.constants[node.input[0]].astype(np.int64)
        scale, zero = (_along(node, at, one, given.ndim) for one in (scale, zero.astype(np.int64)))
        walk.weights[node.output[0]] = given - zero, exact(scale).reshape(scale.shape)
        walk.constants[node.output[0]] = ((given - zero) * scale).astype(F32)
        return None
    value = affine(walk, walk.value(node, arrange=False), node)
    rank = len(walk.model.get_tensor_shape(node.input[0]))
    scale, zero = (walk.per_channel(node, _along(node, at, one, rank), value) for one in (scale, zero))
    return append(append(value, "add", -zero.astype(F32)), "mul", scale)
