"""Offsets by which a convolution that pads with bit 0 (-1) differs from one whose padding counts nothing."""

from math import prod

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.types import Ints


def offsets(
    weights: ArrayLike, ifm: Ints, kernel: Ints, stride: Ints, dilation: Ints, pads: Ints
) -> tuple[list[int], list[int], np.ndarray]:
    """Rows, columns and table of the `Border` behind a convolution of bits whose padding taps add nothing.

    With +1 and -1 for bits 1 and 0, a padding tap of bit 0 adds -w where it should add nothing, so that
    sum = 2 * matches - kh * kw * C + the sum of w over the taps outside the image. Which taps these are
    depends on the row and on the column alone; rows with the same taps outside are one class.

    Args:
        weights: of +1 and -1, or any whole numbers, (kh, kw, C, O), in this order; leading axes may be
            flattened. ifm: rows and columns of the image, more entries are not read. kernel, stride,
            dilation: of rows and columns. pads: top, left, bottom, right.

    Returns:
        rows: class of every output row.
        columns: class of every output column.
        table: (classes of rows, classes of columns, O), of the weights' type; class 0 is the inside where
            there is one.
    """
    weights = np.asarray(weights)
    taps = weights.reshape(prod(kernel), -1, weights.shape[-1]).sum(1)
    axes = zip(ifm, kernel, stride, dilation, pads[:2], pads[2:])
    (below, rows), (beside, columns) = (np.unique(_outside(*at), axis=0, return_inverse=True) for at in axes)
    outside = below[:, None, :, None] | beside[None, :, None, :]
    table = outside.reshape(-1, prod(kernel)).astype(taps.dtype) @ taps
    return rows.ravel().tolist(), columns.ravel().tolist(), table.reshape(len(below), len(beside), -1)


def _outside(size: int, kernel: int, stride: int, dilation: int, before: int, behind: int) -> np.ndarray:
    """Which taps of every window along one axis lie outside, bool (windows, kernel)."""
    windows = (size + before + behind - dilation * (kernel - 1) - 1) // stride + 1
    place = np.arange(windows)[:, None] * stride - before + np.arange(kernel) * dilation
    return (place < 0) | (place >= size)
