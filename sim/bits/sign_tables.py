"""Bytes times weights of +-1, by tables: up to five bytes of a window have 32 sums, and a row of weights
names one of them. An instruction looks up 32 rows of weights, where a product of four bytes serves 16.

The tables are of bytes of the image, not of a window: windows that share an image row share them.
"""

from math import prod

import numpy as np

from xnorforge.sim.bits.kernels import STRIP, SignTables, look_up_windows, short_lookups
from xnorforge.sim.bits.packed import Packed, Step
from xnorforge.sim.bits.patches import Patches

GROUP = 5  # bytes of a table
LANES = 32  # sums of a table, and rows of weights that are looked up at once
WIDE = 64  # rows of weights have to be a multiple: of fewer, to make the tables takes longer than it saves
LARGEST = 2**15 - 2  # of a sum, so that a limit of 2^15 - 1 is not reached


def look_up_step(
    weights: np.ndarray, bias: np.ndarray, limits: np.ndarray, shape: tuple[int, ...]
) -> Step | None:
    """A step of `Patches` of unsigned bytes to bits, whether x @ weights + bias reach the limits; weights
    (mw, mh), bias and limits (mh,), results of `shape`. It gives None where windows do not lie in rows of
    their image; None in place of it: not these weights, or not on this processor."""
    mh = weights.shape[1]
    largest = int((abs(weights).sum(axis=0) * 255 + abs(bias)).max())
    if not short_lookups() or (abs(weights) != 1).any() or mh % WIDE or largest > LARGEST:
        return None
    starts = bias.astype(np.int16)
    reached = np.clip(limits, -(2**15), 2**15 - 1).astype(np.int16)
    layouts: dict[tuple[int, ...], SignTables | None] = {}

    def layout(x: Patches) -> SignTables | None:
        """Tables of the bytes at some places of every window, and where a window finds which of them."""
        images, height, breadth, channels = x.image.shape
        line, (down, right), (rows, columns) = breadth * channels, x.stride, x.size
        groups, at = [], 0  # image row, bytes from the left, how many, and which weights
        for start, length in x.runs(1):
            if start % line + length > line:
                return None
            for part in np.array_split(np.arange(length), -(-length // GROUP)):
                place = start + int(part[0])
                groups.append((place // line, place % line, len(part), at))
                at += len(part)
        kinds = sorted({group[1:3] for group in groups})
        deep = 1 + max(group[0] for group in groups)
        parts = ((weights[at : at + size] > 0, size) for *_, size, at in groups)
        names = [(signs << np.arange(size)[:, None]).sum(axis=0) for signs, size in parts]
        indices = np.array(names, np.int16).reshape(len(groups), -1, WIDE).transpose(1, 0, 2)
        behind = np.array([kinds.index(group[1:3]) for group in groups])
        below = np.array([group[0] for group in groups])
        places = [((top + below) % deep * STRIP * len(kinds) + behind) * 64 for top in range(deep)]
        return SignTables(
            signs=np.array([table_signs(size) for _, size in kinds]),
            offsets=np.array([offset for offset, _ in kinds], np.int64), kinds=len(kinds),
            indices=indices, blocks=mh // WIDE, tables=len(groups), limits=reached, starts=starts,
            places=np.array(places, np.int64), depth=deep, images=images, image_bytes=height * line,
            rows=rows, row_bytes=line, down=down, columns=columns, right=right * channels,
            result_bytes=mh // 8,
        )  # fmt: skip

    def step(x: Patches, numbers: np.ndarray):
        """`numbers`: the bytes of the image and 5 more."""
        if x.image.shape not in layouts:
            layouts[x.image.shape] = layout(x)
        found = layouts[x.image.shape]
        if found is None:
            return None
        words = np.empty((len(x), prod(shape) // mh, mh // 64), np.uint64)
        look_up_windows(found, numbers, words)
        return Packed(words, mh)

    return step


def table_signs(size: int) -> np.ndarray:
    """Of the 32 sums of a table of `size` bytes the signs of six bytes, int8 (3, 64): two bytes of
    each sum, then the next two. Sum s adds byte i where bit i of s is 1, and else takes it away."""
    sums, byte = np.arange(LANES)[:, None], np.arange(GROUP + 1)
    signs = np.where(byte < size, 2 * (sums >> byte & 1) - 1, 0).astype(np.int8)
    return np.ascontiguousarray(signs.reshape(LANES, 3, 2).transpose(1, 0, 2)).reshape(3, 64)
