"""Boxes with the name and the probability of what is in them."""

import numpy as np

from xnorforge.sw.draw.canvas import Canvas, called, colour
from xnorforge.sw.metrics.boxes import Found


def draw_boxes(picture: np.ndarray, found: Found, names: tuple[str, ...]) -> np.ndarray:
    """The picture, uint8 (H, W, 3), with its boxes; the surest lies on top.

    Args:
        found: boxes in pixels of the picture.
        names: of the first classes.
    """
    canvas, order = Canvas(picture), np.argsort(found.scores, kind="stable")
    for at in order:
        canvas.box(found.boxes[at], colour(found.labels[at]))
    for at in order:
        canvas.label(
            found.boxes[at],
            f"{called(found.labels[at], names)} {found.scores[at]:.0%}",
            colour(found.labels[at]),
        )
    return canvas.picture


def describe_boxes(found: Found, names: tuple[str, ...]) -> dict:
    """The same for a record, the surest first."""
    order = np.argsort(-found.scores, kind="stable")
    rows = [
        {
            "class": called(found.labels[at], names),
            "percent": round(100 * float(found.scores[at]), 1),
            "box": [round(value, 1) for value in found.boxes[at].tolist()],
        }
        for at in order
    ]
    return {"found": rows}
