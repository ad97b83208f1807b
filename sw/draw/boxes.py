"""Boxes with the name and the probability of what is in them."""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.sw.draw.canvas import Canvas, called, colour
from xnorforge.sw.metrics.boxes import Found, Truth


def draw_boxes(picture: np.ndarray, found: Found, names: tuple[str, ...]) -> np.ndarray:
    """Return the picture, uint8 (H, W, 3), with its boxes; the most certain one is on top.

    Args:
        found: boxes in pixels of the picture.
        names: names of the first classes.
    """
    order = np.argsort(found.scores, kind="stable")
    words = [f"{called(int(found.labels[at]), names)} {found.scores[at]:.0%}" for at in order]
    return _drawn(picture, found.boxes[order], found.labels[order], words)


def draw_truth(picture: np.ndarray, truth: Truth, names: tuple[str, ...]) -> np.ndarray:
    """Draw the true boxes in the same way, without those to ignore."""
    counts = ~np.asarray(truth.ignore, bool)
    labels = np.asarray(truth.labels)[counts]
    return _drawn(picture, truth.boxes[counts], labels, [called(number, names) for number in labels])


def _drawn(picture: np.ndarray, boxes: np.ndarray, labels: np.ndarray, words: list[str]) -> np.ndarray:
    """A picture with boxes, the last on top, and over all of them their words."""
    canvas = Canvas(picture)
    for box, number in zip(boxes, labels):
        canvas.box(box, colour(number))
    for box, number, text in zip(boxes, labels, words):
        canvas.label(box, text, colour(number))
    return canvas.picture


def describe_boxes(found: Found, names: tuple[str, ...]) -> Record:
    """Return the same for a record, the most certain first."""
    order = np.argsort(-found.scores, kind="stable")
    rows = [
        {
            "class": called(int(found.labels[at]), names),
            "percent": round(100 * float(found.scores[at]), 1),
            "box": [round(value, 1) for value in found.boxes[at].tolist()],
        }
        for at in order
    ]
    return {"found": rows}
