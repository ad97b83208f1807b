"""ONNX Max of two branches (maxout networks)."""

import numpy as np

from xnorforge.flows.lower.examples import random_leaf, random_shape
from xnorforge.flows.lower.registry import example, meaning, rule
from xnorforge.flows.lower.sums import one_leaf
from xnorforge.flows.lower.walk import refuse


@meaning("Maximum")
def _maximum(a, b, _at):
    return np.maximum(a, b)


@rule("Max")
def _max(walk, node, _at):
    """max(scale * a + bias, scale * b + bias) is scale * max(a, b) + bias, for a scale above 0."""
    if len(node.input) != 2:
        raise refuse(node, f"it has {len(node.input)} inputs", "take the maximum of two at a time")
    values = [one_leaf(walk, walk.value(node, k), node) for k in (0, 1)]
    (a, scale), (b, other) = (value.single for value in values)
    if list(scale) != list(other) or list(values[0].offset) != list(values[1].offset) or min(scale) <= 0:
        raise refuse(node, "its inputs have other scales", "quantise both by one quantiser in front of it")
    leaves = [walk.leaves[a], walk.leaves[b]]
    lo, hi = (np.maximum(*(getattr(leaf, end) for leaf in leaves)) for end in ("lo", "hi"))
    first = leaves[0]
    out = walk.emit("Maximum", leaves, first.shape, lo, hi, f"{first.layer}_max", first.layer, first.order)
    return walk.value_of(out, scale, values[0].offset)


@example("Maximum")
def _example(rng):
    """Both of one range, as one quantiser in front of both gives them."""
    leaf = random_leaf(rng, random_shape(rng))
    return [leaf, leaf], [("Maximum", {})]
