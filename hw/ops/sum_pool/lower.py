"""Averages are sums over windows, divided in the value's scale."""

from math import prod

import numpy as np

from xnorforge.flows.lower.integers import windows
from xnorforge.flows.lower.linear import spatial, window_shape
from xnorforge.flows.lower.moves import flatten
from xnorforge.flows.lower.registry import emission, meaning, rule
from xnorforge.flows.lower.sums import one_leaf
from xnorforge.flows.lower.values import Bounds, Value, bounds_of
from xnorforge.flows.lower.walk import refuse
from xnorforge.hw.any_width import as_width, width_of


@meaning("SumPool")
def sum_pool(x, at):
    """Sum over each window."""
    x = as_width(x, width_of(x) + prod(at["kernel"]).bit_length())
    return windows(np.ascontiguousarray(x), at["kernel"], at["stride"]).sum((3, 4))


@emission("SumPool")
def _emit(emission, node, inputs, out) -> None:
    """Windows and Pool that adds."""
    emission.pool(node, inputs[0], out, "AccPool")


def _sum_pool(walk, node, kernel, stride) -> Value:
    value = one_leaf(walk, walk.value(node), node)
    if len(value.shape) != 3:
        raise refuse(node, "it averages a vector", "use GlobalAveragePool in front of the flattening")
    name, a = value.single
    leaf, area = walk.leaves[name], prod(kernel)
    shape = (*window_shape(leaf.shape, kernel, stride), leaf.channels)
    bounds = bounds_of(value)
    bounds = Bounds(bounds.reach * area, bounds.error)
    lo, hi = leaf.lo.astype(object) * area, leaf.hi.astype(object) * area
    out = walk.emit(
        "SumPool", [leaf], shape, lo, hi, f"{leaf.layer}_pool", leaf.layer, kernel=list(kernel),
        stride=list(stride),
    )  # fmt: skip
    return walk.value_of(out, a / area, value.offset, bounds)


@rule("AveragePool")
def _average_pool(walk, node, at):
    stride, dilation, pads = spatial(node, at)
    if dilation != [1, 1]:
        raise refuse(node, "a dilated pool has no integer operator", "use dilation 1")
    if any(pads):
        raise refuse(node, "a padded average weighs the border differently", "pad in front of it")
    return _sum_pool(walk, node, at["kernel_shape"], stride)


@rule("GlobalAveragePool", "ReduceMean")
def _global_average(walk, node, at):
    value = walk.value(node)
    if node.op_type == "ReduceMean":
        axes = at.get("axes", walk.constant(node, 1))
        if len(value.shape) == 3 and (axes is None or sorted(int(a) % 4 for a in axes) != [2, 3]):
            raise refuse(node, "it averages over other axes than rows and columns", "use GlobalAveragePool")
    pooled = _sum_pool(walk, node, value.shape[:-1], [1, 1])
    return pooled if at.get("keepdims", 1) else flatten(walk, node, pooled)
