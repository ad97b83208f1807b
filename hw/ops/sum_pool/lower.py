"""Averages are sums over windows, divided in the value's scale."""

from math import lcm, prod

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import as_width, width_of
from xnorforge.hw.lowering.examples import random_pool
from xnorforge.hw.lowering.geometry import pool_windows, spatial, window_shape
from xnorforge.hw.lowering.integers import windows
from xnorforge.hw.lowering.linear import nearest_border
from xnorforge.hw.lowering.registry import MAKERS, example, meaning, rule
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.values import reach_of
from xnorforge.hw.lowering.views import flatten, seen, view_of
from xnorforge.hw.lowering.walk import refuse


@meaning("SumPool")
def sum_pool(x: np.ndarray, at: Record) -> np.ndarray:
    """Sum over each window."""
    x = as_width(x, width_of(x) + prod(at["kernel"]).bit_length())
    return windows(np.ascontiguousarray(x), at["kernel"], at["stride"]).sum((3, 4))


def _sums(walk, leaf, kernel, stride):
    """The leaf of the sums over all windows."""
    shape, area = (*window_shape(leaf.shape, kernel, stride), leaf.channels), prod(kernel)
    low, high = (end.astype(object) * area for end in (leaf.lo, leaf.hi))
    at = {"kernel": list(kernel), "stride": list(stride)}
    return walk.emit("SumPool", [leaf], shape, low, high, f"{leaf.layer}_pool", leaf.layer, **at)


def _average(walk, value, sums, kernel, scale):
    """The value of sums over windows, whose numbers the reference adds up before it divides."""
    return walk.value_of(sums, scale, value.offset, reach_of(value) * prod(kernel))


def _image(walk, node, value):
    """Value, leaf and A of an image."""
    value = one_leaf(walk, value, node)
    if len(value.shape) != 3:
        raise refuse(node, "it averages a vector", "use GlobalAveragePool before flattening")
    name, a = value.single
    return value, walk.leaves[name], a


@rule("AveragePool")
def _average_pool(walk, node, at):
    """Sums over windows; their division becomes part of the scale. Padding that counts has the value 0;
    otherwise only pixels of the image count, and a factor per position makes all divisors equal."""
    value, leaf, a = _image(walk, node, walk.value(node))
    kernel, ((stride, dilation, pads), _) = list(at["kernel_shape"]), pool_windows(node, at, leaf.shape)
    if dilation != [1, 1]:
        raise refuse(node, "it is dilated, and there is no operator for that", "use dilation 1")
    if not any(pads):
        return _average(walk, value, _sums(walk, leaf, kernel, stride), kernel, a / prod(kernel))
    if not all(a):
        raise refuse(node, "a channel of its input has scale 0", "remove the channel")
    if not at.get("count_include_pad", 0):
        padded = MAKERS["border"](walk, leaf, np.zeros_like(leaf.lo), pads, leaf.layer)
        sums = _sums(walk, padded, kernel, stride)
        sums, common = _same_divisor(walk, sums, leaf.shape[:2], kernel, stride, pads)
        return _average(walk, value, sums, kernel, a / common)
    if pads != spatial(at, leaf.shape[:2], kernel)[2]:
        raise refuse(
            node, "its windows reach beyond the padding, where runtimes differ in the divisor",
            "use ceil_mode=False, or count_include_pad=0",
        )  # fmt: skip
    wanted = -value.offset / a
    there = nearest_border(leaf, wanted, np.ones(leaf.channels, np.int64))
    sums = _sums(walk, MAKERS["border"](walk, leaf, there, pads, leaf.layer), kernel, stride)
    missing = np.broadcast_to(wanted - there, (*kernel, leaf.channels))
    sums, times = MAKERS["beyond"](walk, sums, missing, leaf.shape[:2], stride, dilation, pads)
    return _average(walk, value, sums, kernel, a / (times * prod(kernel)))


def _same_divisor(walk, sums, image, kernel, stride, pads):
    """Sums times common / divisor of their place, and the common multiple of all divisors, which are the
    numbers of pixels of the image under a window."""
    axes = []
    for side, k, s, before, behind in zip(image, kernel, stride, pads[:2], pads[2:]):
        first = np.arange((side + before + behind - k) // s + 1) * s - before
        axes.append(np.unique(np.minimum(first + k, side) - np.maximum(first, 0), return_inverse=True))
    (rows, of_row), (columns, of_column) = axes
    divisors = np.multiply.outer(rows, columns).astype(object)
    common = lcm(*divisors.flat)
    table = np.zeros((*divisors.shape, sums.channels), object)
    places = of_row.tolist(), of_column.tolist()
    return MAKERS["by place"](walk, sums, *places, common // divisors, table), common


@rule("GlobalAveragePool", "ReduceMean")
def _global_average(walk, node, at):
    """The sum over rows and columns; its division becomes part of the scale."""
    value = walk.value(node, arrange=False)
    if node.op_type == "ReduceMean":
        axes, view = at.get("axes", walk.constant(node, 1)), view_of(value)
        given = {int(a) % (view.ndim + 1) for a in (() if axes is None else axes)}
        left = {*range(1, view.ndim + 1)} - given
        if len(value.shape) == 3 and (view.ndim == 1 or len(left) != 1):
            raise refuse(node, "it averages over axes other than rows and columns", "use GlobalAveragePool")
        if len(value.shape) == 3:
            value = seen(value, np.moveaxis(view, left.pop() - 1, 0))
    value, leaf, a = _image(walk, node, MAKERS["arranged"](walk, node, value))
    kernel = list(leaf.shape[:2])
    found = _average(walk, value, _sums(walk, leaf, kernel, [1, 1]), kernel, a / prod(kernel))
    return found if at.get("keepdims", 1) else flatten(walk, node, found)


@example("SumPool")
def _pooled(rng):
    leaf, at = random_pool(rng)
    return [leaf], [("SumPool", at)]
