"""Per-channel operations: they extend a value's chain and produce no operator."""

import numpy as np

from xnorforge.hw.lowering.registry import MAKERS, rule
from xnorforge.hw.lowering.sums import sum_of_branches
from xnorforge.hw.lowering.values import append, batch_norm, exact
from xnorforge.hw.lowering.views import view_of
from xnorforge.hw.lowering.walk import refuse


@rule("BatchNormalization")
def _batch_norm(walk, node, at):
    """A scale and an offset per channel, absorbed by the next thresholds or by the scores."""
    value = walk.value(node, arrange=False)
    gamma, beta, mean, var = (walk.constant(node, k) for k in range(1, 5))
    scale, plus = batch_norm(gamma, beta, mean, var, at.get("epsilon", 1e-5))
    if not (np.isfinite(scale).all() and np.isfinite(plus).all()):
        why = "its variance is negative or its constants overflow"
        raise refuse(node, why, "train and export the network again")
    shape = [1, -1, *[1] * (len(view_of(value).shape) - 1)]
    scale, plus = (walk.per_channel(node, one.reshape(shape), value) for one in (scale, plus))
    return append(value, "bn", scale, plus)


@rule("Mul", "Div", "Add", "Sub")
def _arithmetic(walk, node, _at):
    """A constant added, subtracted or multiplied, per channel; Mul, Add and Sub also take two activations."""
    left, right = (name in walk.constants for name in node.input[:2])
    if left and right:
        return _scale_weights(walk, node)
    if not left and not right:
        if node.op_type == "Mul":
            return MAKERS["product"](walk, node)
        if node.op_type == "Div":
            raise refuse(node, "it divides one activation by another", "divide by a constant")
        return sum_of_branches(walk, node, 1 if node.op_type == "Add" else -1)
    value = walk.value(node, 1 if left else 0, arrange=False)
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


@rule("Identity", "Dropout")
def _identity(walk, node, _at):
    """No operation at inference."""
    return walk.value(node, arrange=False)
