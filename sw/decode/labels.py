"""A class per pixel from a map of scores with a lower resolution than the picture."""

import numpy as np


def bilinear(scores: np.ndarray, factor: int) -> np.ndarray:
    """Return the class with the largest score after bilinear interpolation, the first of equal ones.

    Pixel i is at (i + 0.5) / factor - 0.5 cells, clamped at the border (torch: `align_corners=False`). All
    weights are multiples of 1 / (2 * factor), so the sums are whole numbers and nothing is rounded.

    Args:
        scores: whole numbers (classes, rows, columns), with one scale for all classes; magnitude below 2^40.
        factor: pixels per cell.

    Returns:
        uint8 (rows * factor, columns * factor).
    """
    # Whole numbers below 2^53 all the way: exact, and a fast product.
    scores = np.asarray(scores).astype(float)
    down, across = (_weights(count, factor) for count in scores.shape[1:])
    return np.argmax(down @ scores @ across.T, 0).astype(np.uint8)


def nearest(scores: np.ndarray, factor: int) -> np.ndarray:
    """The class of the first largest score in each cell, repeated; arguments as `bilinear`."""
    return np.argmax(scores, 0).astype(np.uint8).repeat(factor, 0).repeat(factor, 1)


def _weights(count: int, factor: int) -> np.ndarray:
    """float (count * factor, count): weights of cells, times 2 * factor, for pixels on an axis."""
    at = np.clip(2 * np.arange(count * factor) + 1 - factor, 0, 2 * factor * (count - 1))
    return np.maximum(2 * factor - np.abs(at[:, None] - 2 * factor * np.arange(count)), 0).astype(float)
