"""ONNX Abs on integers."""

import numpy as np

from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import example, meaning, rule
from xnorforge.hw.lowering.sums import one_leaf
from xnorforge.hw.lowering.walk import refuse


@meaning("Absolute")
def absolute(x, _at):
    """|x|."""
    return abs(x)


@rule("Abs")
def _abs(walk, node, _at):
    """|scale * n| is |scale| * |n|."""
    value = one_leaf(walk, walk.value(node), node)
    name, scale = value.single
    if any(value.offset):
        raise refuse(node, "its input is not symmetric about 0", "put it after sums without a bias")
    leaf = walk.leaves[name]
    high = np.maximum(abs(leaf.lo), abs(leaf.hi))
    out = walk.emit("Absolute", [leaf], leaf.shape, 0, high, f"{leaf.layer}_abs", leaf.layer, leaf.order)
    return walk.value_of(out, abs(scale), value.offset)


@example("Absolute")
def _example(rng):
    return [random_leaf(rng, random_shape(rng))], [("Absolute", {})]
