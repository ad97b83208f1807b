"""Windows of an image that are read where they lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xnorforge.sim.bits.kernels import Windows
from xnorforge.sim.bits.packed import Packed, Step


@dataclass  # not frozen: that takes five times as long to make
class Patches:
    """Windows (OH, OW) of images, not cut out: what a Window gives to who asks for it (`reads_patches`).

    Attributes:
        image: the padded images: (N, H, W, words) of packed bits, else integers (N, H, W, C).
        bits: bits per segment of packed bits (`Packed`), 0 of integers.
        taps: rows and columns from a window's first pixel to each of its pixels, in their order.
        stride: rows and columns between windows.
        size: windows, OH and OW.
    """

    image: np.ndarray
    bits: int
    taps: tuple[tuple[int, int], ...]
    stride: tuple[int, int]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.image)

    def cut(self) -> Any:
        """The windows one behind the other: packed, or integers (N, OH, OW, taps * C)."""
        (sh, sw), (rows, columns) = self.stride, self.size
        high, wide = (rows - 1) * sh + 1, (columns - 1) * sw + 1
        parts = [self.image[:, y : y + high : sh, x : x + wide : sw] for y, x in self.taps]
        windows = parts[0] if len(parts) == 1 else np.concatenate(parts, -1)
        if not self.bits:
            return windows
        return Packed(windows.reshape(len(windows), -1, -(-self.bits // 64)), self.bits)

    def runs(self, item: int) -> list[list[int]]:
        """What lies side by side in a window, of elements of `item` bytes: distance from its start, bytes."""
        pixel = self.image.shape[3] * item
        row = self.image.shape[2] * pixel
        found: list[list[int]] = []
        for y, x in self.taps:
            start = y * row + x * pixel
            if found and sum(found[-1]) == start:
                found[-1][1] += pixel
            else:
                found.append([start, pixel])
        return found

    def windows(self, item: int, unit: int, pool: tuple[int, int] = (1, 1)) -> Windows:
        """Where the windows lie, of elements of `item` bytes in words of `unit` bytes; those under
        a window of the pool give one result. The longest of the axes that allow it is last."""
        images, height, breadth, channels = self.image.shape
        rows, columns = (size // of_pool for size, of_pool in zip(self.size, pool))
        pixel = channels * item
        down, right = self.stride[0] * breadth * pixel, self.stride[1] * pixel
        axes = [
            [images, height * breadth * pixel, rows * columns], [rows, pool[0] * down, columns],
            [columns, pool[1] * right, 1],
        ]  # fmt: skip
        if columns < 5 and images > columns:
            axes = axes[1:] + axes[:1]
        taps = [y * down + x * right for y in range(pool[0]) for x in range(pool[1])]
        return Windows.of(word_places(self.runs(item), unit), axes, taps)


def reads_patches(step: Any) -> Step:
    """Mark a step that takes `Patches`, or `Wide` numbers, as they are; others get them cut out."""
    step.reads_patches = True
    return step


def word_places(runs: list[list[int]], unit: int) -> list[int]:
    """Distances of the words of `unit` bytes of runs [distance, bytes] from the first byte."""
    return [at for start, size in runs for at in range(start, start + size, unit)]


def adjacent_rows(rows: int, length: int, unit: int) -> Windows:
    """Vectors of `length` bytes one behind the other."""
    return Windows.of(word_places([[0, length]], unit), [[1, 0, 0], [1, 0, 0], [rows, length, 1]])
