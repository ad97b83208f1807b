"""Any order of a frame's elements: where a view is none that other operators bring about (`views.py`)."""

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.types import Ints
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import example, maker, meaning
from xnorforge.hw.lowering.values import Leaf
from xnorforge.hw.lowering.walk import Walk


@meaning("Permute")
def _permuted(x, at):
    return x.reshape(len(x), -1)[:, at["places"]].reshape(len(x), *at["behind"])


@maker("permuted")
def permuted(walk: Walk, leaf: Leaf, order: np.ndarray, shape: Ints, lo: ArrayLike, hi: ArrayLike) -> Leaf:
    """A leaf of this shape whose element i is element order[i] of the given leaf's frame."""
    at = {"before": list(leaf.shape), "behind": list(shape), "places": order}
    return walk.emit("Permute", [leaf], shape, lo, hi, f"{leaf.layer}_permuted", leaf.layer, **at)


@example("Permute")
def _moved(rng):
    leaf = random_leaf(rng, random_shape(rng))
    many = int(np.prod(leaf.shape))
    order = rng.permutation(many)
    return [leaf], [("Permute", {"before": list(leaf.shape), "behind": [many], "places": order})]
