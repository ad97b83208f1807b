"""Per-channel operations: they lengthen a value's chain and make no operator."""

import numpy as np

from .joins import add, single
from .values import F32, append, batch_norm, exact
from .walk import refuse, rule


@rule("BatchNormalization")
def _batch_norm(walk, node, at):
    value = walk.value(node)
    scale, plus = batch_norm(*(walk.constant(node, k) for k in range(1, 5)), at.get("epsilon", 1e-5))
    if not (np.isfinite(scale).all() and np.isfinite(plus).all()):
        raise refuse(
            node, "its variance is negative or its constants overflow", "train and export the network again"
        )
    order = value.leaf.order if value.leaf.order is not None else slice(None)
    return append(value, "bn", scale[order], plus[order])


@rule("Mul", "Div", "Add", "Sub")
def _arithmetic(walk, node, at):
    left, right = (name in walk.constants for name in node.input[:2])
    if left and right:
        return _scale_weights(walk, node)
    if not left and not right:
        if node.op_type in ("Mul", "Div"):
            raise refuse(
                node, "a product of two activations has no integer operator", "use a constant factor"
            )
        return add(walk, node, 1 if node.op_type == "Add" else -1)
    value = walk.value(node, 1 if left else 0)
    constant = walk.per_channel(node, walk.constants[node.input[0 if left else 1]], value)
    if node.op_type == "Sub":
        return append(value, "rsub", constant) if left else append(value, "add", -constant)
    if node.op_type == "Div" and left:
        raise refuse(node, "a constant divided by an activation is not affine", "use a constant factor")
    if node.op_type == "Div" and not constant.all():
        raise refuse(node, "it divides by zero", "train and export the network again")
    return append(value, node.op_type.lower(), constant)


def _scale_weights(walk, node) -> None:
    """Quantised weights times a constant: the constant goes into their scale."""
    first = int(node.input[0] not in walk.weights)
    if node.op_type != "Mul" or node.input[first] not in walk.weights:
        raise refuse(node, "it computes with constants only", "fold it before export")
    weights, scale = walk.weights[node.input[first]]
    factor = walk.constants[node.input[1 - first]]
    walk.weights[node.output[0]] = weights, scale * exact(factor).reshape(factor.shape)
    walk.constants[node.output[0]] = walk.constants[node.input[first]] * factor


@rule("Relu", "PRelu", "LeakyRelu")
def _relu(walk, node, at):
    value = walk.value(node)
    if node.op_type == "PRelu":
        slope = walk.per_channel(node, walk.constant(node, 1), value)
    else:
        slope = np.full(value.channels, at.get("alpha", 0.01) if node.op_type == "LeakyRelu" else 0, F32)
    if (slope < 0).any():
        raise refuse(node, "a negative slope is not monotone", "keep the slopes of PReLU at zero or above")
    return append(single(walk, value, node), "prelu", slope)


@rule("Clip")
def _clip(walk, node, at):
    value = walk.value(node)
    ends = [walk.constant(node, k) for k in (1, 2)]
    low, high = (at.get(key) if end is None else float(end) for key, end in zip(("min", "max"), ends))
    if low is None or high is None:
        raise refuse(node, "it clips on one side only", "use Relu, or Clip with both ends")
    if low > high:
        raise refuse(
            node, f"its ends {low:g} and {high:g} are the wrong way round", "give the smaller one first"
        )
    ends = (np.full(value.channels, end, F32) for end in (low, high))
    return append(single(walk, value, node), "clip", *ends)


@rule("Identity", "Dropout")
def _identity(walk, node, at):
    return walk.value(node)
