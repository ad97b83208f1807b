"""Boxes from a heat map per class and four distances per cell.

The head is that of X. Zhou et al., "Objects as Points", 2019, with distances to the four sides as in Z. Tian
et al., "FCOS", ICCV 2019. Hardware sends whole numbers q; the head's value is q * scale + bias.
"""

import numpy as np

from xnorforge.sw.decode.letterbox import Fit
from xnorforge.sw.metrics.boxes import Found, iou

UNIT = 16.0  # pixels of a distance whose head value is 0
REACH = 3.0  # head values of distances are cut at -REACH and REACH: 0.8 to 321 pixels


def least_score(probability: float, scale: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the smallest whole q with sigmoid(q * scale + bias) >= probability, so no cell needs a sigmoid.

    Args:
        probability: above 0, below 1.
        scale, bias: float, scalar or one per class; scale > 0.
    """
    return np.ceil((np.log(probability / (1 - probability)) - bias) / scale).astype(np.int64)


def boxes(
    maps: np.ndarray, scale: np.ndarray | float, bias: np.ndarray | float, stride: int, least: float = 0.02,
    overlap: float = 0.45, most: int = 30,
) -> Found:  # fmt: skip
    """Decode the maps of one picture.

    Args:
        maps: int (classes + 4, rows, columns): a score per class, then log distances to left, top, right and
            bottom.
        scale: > 0, and bias: float, scalar or one per map.
        stride: input pixels per cell; cell x is centred at (x + 0.5) * stride.
        least: cells below this probability are skipped.
        overlap: of two boxes of a class with this intersection over union or more, the more certain one is
            kept.
        most: boxes kept per class.

    Returns:
        Boxes in input pixels, with scores as probabilities, by class and descending score.
    """
    scale, bias = (np.broadcast_to(value, len(maps)) for value in (scale, bias))
    classes = len(maps) - 4
    kept = []
    for label in range(classes):
        rows, columns = np.nonzero(maps[label] >= least_score(least, scale[label], bias[label]))
        score = maps[label, rows, columns]
        distance = maps[classes:, rows, columns].T * scale[classes:] + bias[classes:]
        distance = np.exp(np.clip(distance, -REACH, REACH)) * UNIT
        centre = (np.stack([columns, rows], 1) + 0.5) * stride
        found = np.hstack([centre - distance[:, :2], centre + distance[:, 2:]])
        best = nms(found, score, overlap)[:most]
        probability = 1 / (1 + np.exp(-(score[best] * scale[label] + bias[label])))
        kept.append((found[best], probability, np.full(len(best), label)))
    return Found(*(np.concatenate(column) for column in zip(*kept)))


def nms(found: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Return the indices of the boxes kept by non-maximum suppression, the most certain first, the earlier of
    equal ones.

    Args:
        found: float (N, 4); scores: (N,).
        overlap: a box is dropped if it has this intersection over union or more with a kept one.
    """
    left, stay = np.argsort(-np.asarray(scores, float), kind="stable"), []
    while len(left):
        first, left = left[0], left[1:]
        stay.append(first)
        left = left[iou(found[left], found[[first]])[:, 0] < overlap]
    return np.array(stay, np.int64)


def in_picture(found: Found, fit: Fit) -> Found:
    """Boxes of the input in pixels of its picture, but for those that show less than one of it."""
    found = found._replace(boxes=fit.back(found.boxes))
    there = (found.boxes[:, 2:] - found.boxes[:, :2] >= 1).all(1)
    return Found(*(part[there] for part in found))
