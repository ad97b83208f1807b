"""Boxes, and which detection matches which true box.

Boxes are float (N, 4): x0, y0, x1, y1 in pixels. The first pixel covers 0 to 1, so x1 - x0 is the width.
"""

from typing import NamedTuple

import numpy as np

HIT, FALSE, LEFT_OUT = 1, 0, -1


class Found(NamedTuple):
    """The detections of one picture.

    Attributes:
        boxes: float (N, 4), pixels.
        scores: (N,), larger is more certain; any monotone scale, also raw accumulators.
        labels: int (N,), the class.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray


class Truth(NamedTuple):
    """The true boxes of one picture.

    Attributes:
        boxes: float (M, 4), pixels.
        labels: int (M,), the class.
        ignore: bool (M,), boxes whose detection is optional (VOC: difficult, COCO: crowd, Caltech: ignore).
    """

    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray


class Outcome(NamedTuple):
    """The result for the detections of one picture, without the ignored ones.

    Attributes:
        scores: (n,), descending.
        hit: bool (n,), True for a true box found, False for a false alarm.
        positives: number of true boxes that had to be found.
    """

    scores: np.ndarray
    hit: np.ndarray
    positives: int


def area(boxes: np.ndarray) -> np.ndarray:
    """(N,), square pixels; 0 where a side is negative."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M): the square pixels that each of N boxes shares with each of M."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.maximum(sides, 0).prod(2)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M): intersection over union, 0 to 1; 0 for two boxes without area."""
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M): the part of each of N boxes that is inside each of M, 0 to 1; 0 for a box without area."""
    shared, whole = intersection(a, b), np.broadcast_to(area(a)[:, None], (len(a), len(b)))
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def assign(overlap: np.ndarray, ignore: np.ndarray, threshold: float) -> np.ndarray:
    """Assign detections to true boxes, greedily, as the Caltech toolbox (`bbGt`) does.

    The most certain detection chooses first: the free box it overlaps most, the later one of equals. If there
    is none, it takes one of the boxes to ignore and is then excluded from all counts.

    Args:
        overlap: float (N, M), rows by descending score.
        ignore: bool (M,), boxes that take any number of detections. Others take one.
        threshold: minimum overlap, 0 to 1.

    Returns:
        int8 (N,): HIT, FALSE or LEFT_OUT.
    """
    state, free = np.full(len(overlap), FALSE, np.int8), np.ones(len(ignore), bool)
    near = overlap >= threshold
    for row in np.flatnonzero(near.any(1)):
        for those, value in ((~ignore, HIT), (ignore, LEFT_OUT)):
            candidates = np.flatnonzero(near[row] & those & free)
            if len(candidates):
                best = candidates[::-1][np.argmax(overlap[row, candidates[::-1]])]
                free[best], state[row] = ignore[best], value
                break
    return state


def match(found: Found, truth: Truth, threshold: float = 0.5) -> Outcome:
    """Match the detections of one picture, whatever their class, ignored boxes absorb any number of them.

    A detection is a hit at an intersection over union of `threshold` or more. It is left out where no such
    box is free and that part of it or more lies in a box to ignore (P. Dollár et al., "Pedestrian Detection:
    An Evaluation of the State of the Art", TPAMI 2012, section 3.1)."""
    order = np.argsort(-np.asarray(found.scores, float), kind="stable")
    boxes, scores = found.boxes[order], np.asarray(found.scores[order])
    overlap = np.where(truth.ignore, inside(boxes, truth.boxes), iou(boxes, truth.boxes))
    state = assign(overlap, truth.ignore, threshold)
    kept = state != LEFT_OUT
    return Outcome(scores[kept], state[kept] == HIT, int((~truth.ignore).sum()))


def pooled(outcomes: list[Outcome]) -> tuple[np.ndarray, int]:
    """All pictures together: `hit` (n,) by falling score, ties in order, and the positives."""
    scores = np.concatenate([np.zeros(0), *(one.scores for one in outcomes)])
    hit = np.concatenate([np.zeros(0, bool), *(one.hit for one in outcomes)])
    return hit[np.argsort(-scores, kind="stable")], sum(one.positives for one in outcomes)
