"""A window of a frame, as Slice and Split cut one out of an image or a vector (`views.py`)."""

import numpy as np

from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import example, maker, meaning
from xnorforge.hw.lowering.values import Leaf
from xnorforge.hw.lowering.walk import Walk


@meaning("Crop")
def _cropped(x, at):
    cut = [slice(first, first + size) for first, size in zip(at["first"], at["behind"])]
    return x[:, *cut]


@maker("cropped")
def cropped(walk: Walk, leaf: Leaf, view: np.ndarray) -> Leaf | None:
    """The leaf's elements of a view (C, H, W) or (F,) that is a window of the frame, else None."""
    places = np.moveaxis(view, 0, -1)
    first = [int(place) for place in np.unravel_index(places.flat[0], leaf.shape)]
    behind = list(places.shape)
    cut = tuple(slice(start, start + size) for start, size in zip(first, behind))
    frame = np.arange(np.prod(leaf.shape)).reshape(leaf.shape)
    if not np.array_equal(frame[cut], places) or (len(behind) == 3 and behind[2] < leaf.channels):
        return None
    kept = cut[-1] if len(behind) == 1 else slice(None)
    at = {"before": list(leaf.shape), "behind": behind, "first": first[: max(len(first) - 1, 1)]}
    name = f"{leaf.layer}_chosen"
    return walk.emit("Crop", [leaf], behind, leaf.lo[kept], leaf.hi[kept], name, leaf.layer, **at)


@example("Crop")
def _window(rng):
    leaf = random_leaf(rng, random_shape(rng))
    sizes = leaf.shape[:2] if len(leaf.shape) == 3 else leaf.shape
    first = [int(rng.integers(size)) for size in sizes]
    behind = [int(rng.integers(1, size - start + 1)) for size, start in zip(sizes, first)]
    at = {"before": list(leaf.shape), "behind": [*behind, *leaf.shape[2:]], "first": first}
    return [leaf], [("Crop", at)]
