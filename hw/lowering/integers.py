"""Reference semantics of the integer graph in numpy: int64, channels last, (N, H, W, C) or (N, F).

This module holds the matrices, which several operators build; other meanings are in operators' folders.
"""

import numpy as np

from xnorforge.core.types import Ints, Record

from .registry import meaning

TOP = 2**52  # above this, float64 matrix products and thresholds would round


def windows(x: np.ndarray, kernel: Ints, stride: Ints, dilation: Ints = (1, 1)) -> np.ndarray:
    """All windows of (N, H, W, C) as a view (N, OH, OW, kh, kw, C)."""
    n, height, width, channels = x.shape
    (kh, kw), (sh, sw), (dh, dw) = kernel, stride, dilation
    rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    a, b, c, d = x.strides
    shape, strides = (n, rows, columns, kh, kw, channels), (a, b * sh, c * sw, b * dh, c * dw, d)
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def product(x: np.ndarray, w: np.ndarray, top: int) -> np.ndarray:
    """x (…, K) times w (K, O), exact: float32 holds sums to 2^24, float64 to 2^53; `top` bounds them."""
    kind = np.float32 if top < 2**24 else np.float64
    return (x.astype(kind, copy=False) @ w.astype(kind)).astype(np.int64)


@meaning("Conv")
def conv(x: np.ndarray, at: Record) -> np.ndarray:
    """Windows times weights (kh, kw, C/groups, O); `xnor`: matching bits instead of the sum."""
    w, groups = at["weights"], at["groups"]
    inside, outside = w.shape[2], w.shape[3] // groups
    x = x.astype(np.float32 if at["top"] < 2**24 else np.float64)
    parts = []
    for g in range(groups):
        part = np.ascontiguousarray(x[..., g * inside : (g + 1) * inside])
        view = windows(part, w.shape[:2], at["stride"], at["dilation"])
        rows = view.reshape(-1, int(np.prod(w.shape[:3])))
        flat = w[..., g * outside : (g + 1) * outside].reshape(rows.shape[1], -1)
        parts.append(product(rows, flat, at["top"]).reshape(*view.shape[:3], -1))
    y = parts[0] if groups == 1 else np.concatenate(parts, -1)
    return y + (w < 0).sum((0, 1, 2)) if at["xnor"] else y


@meaning("Dense")
def dense(x: np.ndarray, at: Record) -> np.ndarray:
    """x (N, F) times weights (F, O); `xnor`: matching bits instead of the sum."""
    y = product(x, at["weights"], at["top"])
    return y + (at["weights"] < 0).sum(0) if at["xnor"] else y
