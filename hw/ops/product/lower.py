"""The product of two activations.

(A n + B) (C m + D) = AC n m + AD n + BC m + BD: the operator multiplies integers, and the other terms join a
sum. Bits for -1 and +1 have no other terms where they are 1 if both are equal.
"""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import times
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import MAKERS, example, maker, meaning
from xnorforge.hw.lowering.sums import one_leaf, same_order
from xnorforge.hw.lowering.values import Value, reach_of
from xnorforge.hw.lowering.walk import refuse


@meaning("Product")
def product(a: np.ndarray, b: np.ndarray, at: Record) -> np.ndarray:
    """Integers multiplied, or bits compared."""
    return (a == b).astype(np.int64) if at["xnor"] else times(a, b)


@maker("product")
def _multiply(walk, node) -> Value:
    """A value of the product's leaf and those of its factors."""
    values = _of_one_shape(walk, node)
    one, other = leaves = [walk.leaves[value.single[0]] for value in values]
    if one is other:
        raise refuse(node, "both factors come from one tensor", "quantise one of them")
    (a, c), (b, d) = zip(*((value.single[1], value.offset) for value in values))
    reach = np.prod([reach_of(value) for value in values], axis=0)
    xnor = all(_signs(walk, value) for value in values)
    low, high = _range(one, other, xnor)
    name = f"product{walk.counts['Product']}"
    out = walk.emit("Product", leaves, one.shape, low, high, name, order=one.order, xnor=xnor)
    if xnor:
        return walk.value_of(out, a * c / 2, -a * c / 4, reach)
    terms = {out.name: a * c, one.name: a * d, other.name: b * c}
    terms = {leaf: factors for leaf, factors in terms.items() if any(factors)}
    if [*terms] == [out.name]:
        return walk.value_of(out, a * c, b * d, reach)
    return Value(out, terms, b * d, reach=reach)


def _of_one_shape(walk, node) -> list[Value]:
    """The factors, each of one leaf; one of a single pixel is repeated over the image of the other."""
    values = [one_leaf(walk, walk.value(node, k), node) for k in (0, 1)]
    sizes = [value.shape[:-1] for value in values]
    for k, (mine, wanted) in enumerate((sizes, sizes[::-1])):
        if mine != wanted and set(mine) == {1} and len(wanted) == 2:
            values[k] = MAKERS["repeated"](walk, values[k], list(wanted))
    same_order(node, values)
    return values


def _signs(walk, value: Value) -> bool:
    """Whether a value is a size times -1 or +1."""
    leaf, scale = walk.leaves[value.single[0]], value.single[1]
    return leaf.range in ((0, 1), (0, 0), (1, 1)) and all(2 * b == -a for a, b in zip(scale, value.offset))


def _range(one, other, xnor: bool):
    """Least and greatest result per channel."""
    if xnor:
        return np.zeros(one.channels, np.int64), np.ones(one.channels, np.int64)
    ends = [times(x, y) for x in (one.lo, one.hi) for y in (other.lo, other.hi)]
    return np.min(ends, 0), np.max(ends, 0)


@example("Product")
def _products(rng):
    shape, xnor = random_shape(rng), bool(rng.random() < 0.3)
    return [random_leaf(rng, shape, int(xnor)) for _ in range(2)], [("Product", {"xnor": xnor})]
