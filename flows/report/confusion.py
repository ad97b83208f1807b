"""The confusion matrix and the images that the network gets wrong, from the lowered integers, which all later
stages produce as well.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xnorforge.core.types import Record

CLASSES = 10  # with more classes the matrix is too large to read


def of_classes(lowered: Mapping[str, np.ndarray], golden: Path, images: str) -> Record | None:
    """Labels against predicted classes; None if the network does not return classes, no image has a label, or
    there are too many classes for a matrix.

    Args:
        lowered: lowered.npz: `integers` (N, classes), `scale`, `bias` (classes,).
        golden: golden.npz with `labels` (N,), -1 where unknown.
        images: which images these are, in words.

    Returns:
        `set` (the words), `images` (those with a label), `matrix` (a row per label: how often each class was
        found), `wrong` (`image`, its place counted from 0, `label`, `found`).
    """
    integers = lowered["integers"]
    if integers.ndim != 2 or not golden.exists():
        return None
    with np.load(golden) as given:
        labels = given["labels"]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        return None
    places = np.flatnonzero(labels >= 0)
    count = integers.shape[1]
    if not len(places) or not 1 < count <= CLASSES or labels.max() >= count:
        return None
    found = (integers * lowered["scale"] + lowered["bias"]).argmax(1)
    matrix = np.zeros((count, count), np.int64)
    np.add.at(matrix, (labels[places], found[places]), 1)
    wrong = places[found[places] != labels[places]]
    return {
        "set": images,
        "images": len(places),
        "matrix": matrix.tolist(),
        "wrong": [
            {"image": int(place), "label": int(labels[place]), "found": int(found[place])} for place in wrong
        ],
    }
