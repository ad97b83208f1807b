"""The place of one object in a frame, and its path."""

import numpy as np

from xnorforge.sw.draw.canvas import Canvas, colour

GIVEN, FOUND = (255, 255, 255), colour(0)
PAST = 20  # frames of the way that is drawn


def draw_track(
    picture: np.ndarray, boxes: list[np.ndarray], confidence: float | None = None, lost: bool = False
) -> np.ndarray:
    """Return a frame, uint8 (H, W, 3), with its box, the last of `boxes`; the first of all, which was given,
    is white. The label states the confidence, 0 .. 1, or that the object is lost."""
    canvas, now = Canvas(picture), boxes[-1]
    ink, text = (FOUND, f"frame {len(boxes)}") if len(boxes) > 1 else (GIVEN, "given")
    if len(boxes) > 1 and confidence is not None:
        text = f"{text}: {'lost, ' if lost else ''}{confidence:.0%}"
    canvas.path([(box[:2] + box[2:]) / 2 for box in boxes[-PAST:]], FOUND)
    canvas.box(now, ink)
    canvas.label(now, text, ink)
    return canvas.picture
