"""Positions of windows: strides, dilations and pads as ONNX states them."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto

from xnorforge.core.types import Ints, Record

from .walk import refuse


def in_two_dimensions(at: Record) -> Record:
    """Attributes of a one-dimensional window, converted to a window of a single row."""
    for key, rest in (("kernel_shape", [1]), ("strides", [1]), ("dilations", [1])):
        if len(at.get(key, [])) == 1:
            at[key] = rest + list(at[key])
    if len(at.get("pads", [])) == 2:
        at["pads"] = [0, at["pads"][0], 0, at["pads"][1]]
    return at


def with_ends(x: np.ndarray, ends: ArrayLike, mode: str = "constant", **border: Any) -> np.ndarray:
    """x with more elements at both ends (axes, 2) of each axis, as np.pad; with negative numbers, fewer."""
    ends = np.asarray(ends)
    kept = zip(x.shape, *np.maximum(-ends, 0).T.tolist())
    cut = tuple(slice(before, size - behind) for size, before, behind in kept)
    return np.pad(x[cut], np.maximum(ends, 0), mode, **border)  # type: ignore[call-overload]


def window_shape(shape: Ints, kernel: Ints, stride: Ints, dilation: Ints = (1, 1)) -> tuple[int, ...]:
    """Rows and columns of windows over (H, W, …)."""
    return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(shape, kernel, stride, dilation))


def spatial(at: Record, image: Ints, kernel: Ints) -> tuple[list[int], list[int], list[int]]:
    """Stride, dilation and pads [top, left, bottom, right] from the attributes of a 2-D node.

    Args:
        image: rows and columns of its input; kernel: its rows and columns.
    """
    stride, dilation = list(at.get("strides", [1, 1])), list(at.get("dilations", [1, 1]))
    pads, how = list(at.get("pads", [0] * 4)), at.get("auto_pad", b"NOTSET").decode()
    if how.startswith("SAME"):  # one result per stride in the image; an odd remainder goes to one side
        for axis, (size, k, s, d) in enumerate(zip(image, kernel, stride, dilation)):
            total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
            half = total // 2 if how == "SAME_UPPER" else total - total // 2
            pads[axis], pads[axis + 2] = half, total - half
    return stride, dilation, pads


def pool_windows(
    node: NodeProto, at: Record, shape: Ints
) -> tuple[tuple[list[int], list[int], list[int]], tuple[int, ...]]:
    """Windows of a pool's node on an image (H, W, C).

    Returns:
        Stride, dilation and pads, including the pads that rounding up (ceil_mode) adds at the bottom and on
        the right; rows and columns of the result.
    """
    kernel, (stride, dilation, pads) = list(at["kernel_shape"]), spatial(at, shape[:2], at["kernel_shape"])
    size: list[int] = []
    for axis, (side, k, s, d) in enumerate(zip(shape, kernel, stride, dilation)):
        over = side + pads[axis] + pads[axis + 2] - d * (k - 1) - 1
        if over < 0:
            why = f"its kernel {kernel} is larger than the image {shape[0]}x{shape[1]}"
            raise refuse(node, why, "use a smaller kernel or pad")
        count = -(-over // s) + 1 if at.get("ceil_mode", 0) else over // s + 1
        pads[axis + 2] = max(pads[axis + 2], pads[axis + 2] + (count - 1) * s - over)
        places = np.arange(count)[:, None] * s - pads[axis] + np.arange(k) * d
        if not ((places >= 0) & (places < side)).any(1).all():
            why = "one of its windows contains only border"
            raise refuse(node, why, "use smaller pads, or ceil_mode=False")
        size.append(count)
    return (stride, dilation, pads), tuple(size)
