"""Channel interaction (CI-BCNN): sums of bits move by the levels that other channels of their group reach."""

from fractions import Fraction

import numpy as np

from .joins import one_leaf
from .values import Value
from .walk import refuse, rule


@rule("Interact")
def _interact(walk, node, at) -> Value:
    """Node of `nodes.Interact` on the plain sums of a convolution or dense layer: match counts in, p~ out."""
    value, influence = one_leaf(walk, walk.value(node), node), walk.constant(node, 1).astype(np.int64)
    name, scale = value.single
    leaf, n0, unit = walk.leaves[name], at["n0"], at["unit"]
    matches = int((scale == 2).all() and (value.offset == -n0).all())
    if not matches and not ((scale == 1).all() and (value.offset == 0).all()):
        raise refuse(
            node, "its input is no plain sum of bits", "place it right behind a convolution of +-1 by +-1"
        )
    if influence.size != leaf.channels * influence.shape[1] or leaf.order is not None:
        raise refuse(node, f"its graph is not that of {leaf.channels} channels", "export the network again")
    levels = np.maximum(abs(influence) - 1, 0) // 2
    reach = unit * levels.sum(1).reshape(-1)
    out = walk.emit(
        "Interact", [leaf], leaf.shape, -n0 - reach, n0 + reach, f"{leaf.layer}_interact", leaf.layer,
        influence=influence, n0=n0, unit=unit, matches=matches, axis=-1,
    )  # fmt: skip
    return walk.value_of(out, Fraction(1), Fraction(0))
