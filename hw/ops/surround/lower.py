"""A border around images with a value of its own in every channel."""

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.types import Ints
from xnorforge.hw.lowering.examples import random_leaf
from xnorforge.hw.lowering.registry import example, meaning


def surrounded(x: np.ndarray, pads: Ints, values: ArrayLike) -> np.ndarray:
    """x (N, H, W, C) inside a border of `values`, one or (C,); `pads` are top, left, bottom, right."""
    (count, height, width, channels), (top, left, bottom, right) = x.shape, pads
    found = np.empty((count, top + height + bottom, left + width + right, channels), x.dtype)
    found[:] = values
    found[:, top : top + height, left : left + width] = x
    return found


@meaning("Surround")
def _surround(x, at):
    return surrounded(x, at["pads"], at["values"])


@example("Surround")
def _framed(rng):
    leaf, pads = random_leaf(rng), rng.integers(0, 3, 4)
    pads[rng.integers(4)] += 1
    values = rng.integers(leaf.range[0] - 2, leaf.range[1] + 3, leaf.channels)
    return [leaf], [("Surround", {"pads": pads.tolist(), "values": values})]
