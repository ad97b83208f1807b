"""Crops of 64x128 pixels with and without a person, from the normalised training crops of INRIA Person (N.
Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005) and other pictures.

A crop is no picture of a street, so ten of them, in two rows, make a scene.
"""

from io import BytesIO
from itertools import pairwise

import numpy as np
from PIL import Image

from xnorforge.sw.datasets._records import Scene, Split, located
from xnorforge.sw.datasets.base import listed

SOURCE = "https://github.com/RashadGarayev/PersonDetection"
FILE = "person_crops_64x128_jpeg.npz"
WIDTH, HEIGHT, COLUMNS, ROWS = 64, 128, 5, 2
PERSON = np.array([12.0, 16.0, 52.0, 112.0])  # of a crop: the published ones have 16 pixels above and below
HIDDEN = 0.4  # of the persons are half hidden, by another crop over a third to a half of their height


def scenes() -> Split:
    """Return the crops as scenes in an order of their own, the same at each call.

    Raises:
        Absent: not in XNORFORGE_DATA.
        UserError: the file is not the one listed.
    """
    folder, rng = located("Person crops", ("person_crops",), SOURCE), np.random.default_rng(0)
    with np.load(BytesIO(listed(folder / FILE))) as stored:
        streams, at, labels = stored["data"], stored["offsets"], stored["labels"]
    spans = list(pairwise(at.tolist()))

    def crop(index: int) -> np.ndarray:
        first, last = spans[index]
        picture = Image.open(BytesIO(streams[first:last].tobytes()), formats=("JPEG",))
        return np.asarray(picture.convert("RGB"))

    each, others = COLUMNS * ROWS, np.flatnonzero(labels == 0)
    items = []
    for chosen in rng.permutation(len(labels))[: len(labels) // each * each].reshape(-1, each):
        canvas = np.empty((ROWS * HEIGHT, COLUMNS * WIDTH, 3), np.uint8)
        boxes = []
        for place, index in enumerate(chosen):
            left, top = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
            picture = crop(index).copy()
            if labels[index]:
                boxes.append(PERSON + np.array([left, top, left, top]))
                if rng.random() < HIDDEN:
                    low = int(PERSON[3] - rng.uniform(1 / 3, 1 / 2) * (PERSON[3] - PERSON[1]))
                    picture[low:] = crop(rng.choice(others))[low:]
            canvas[top : top + HEIGHT, left : left + WIDTH] = picture
        known = np.array(boxes).reshape(-1, 4)
        items.append(
            Scene(
                f"crops {len(items)}", canvas, (COLUMNS * WIDTH, ROWS * HEIGHT), known,
                np.zeros(len(known), np.int64), np.zeros(len(known), bool),
            )
        )  # fmt: skip
    persons = sum(len(item.boxes) for item in items)
    what = f"{len(items)} scenes of {each * len(items):,} crops with {persons:,} persons, some half hidden"
    return Split(items, ("person",), what)
