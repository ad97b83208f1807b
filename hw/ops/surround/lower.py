"""A border around images with a value of its own in every channel."""

from typing import ClassVar

import numpy as np

from xnorforge.flows.lower.nodes import IntegerNode
from xnorforge.flows.lower.registry import meaning


def surrounded(x: np.ndarray, pads, values) -> np.ndarray:
    """x (N, H, W, C) inside a border of `values`, one or (C,); `pads` are top, left, bottom, right."""
    (count, height, width, channels), (top, left, bottom, right) = x.shape, pads
    found = np.empty((count, top + height + bottom, left + width + right, channels), x.dtype)
    found[:] = values
    found[:, top : top + height, left : left + width] = x
    return found


@meaning("Surround")
def _surround(x, at):
    return surrounded(x, at["pads"], at["values"])


class Surround(IntegerNode):
    """A border of `values` (C,) around (H, W, C); `pads` are top, left, bottom, right."""

    numbers: ClassVar[dict[str, str]] = {"pads": "ints"}
    arrays = ("values",)
