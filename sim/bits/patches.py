"""Windows of an image that are read where they lie."""

from dataclasses import dataclass, replace

import numpy as np

from xnorforge.sim.bits.packed import Packed


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

    def cut(self):
        """The windows one behind the other: packed, or integers (N, OH, OW, taps * C)."""
        (sh, sw), (rows, columns) = self.stride, self.size
        parts = [
            self.image[:, y : y + (rows - 1) * sh + 1 : sh, x : x + (columns - 1) * sw + 1 : sw]
            for y, x in self.taps
        ]
        windows = parts[0] if len(parts) == 1 else np.concatenate(parts, -1)
        if not self.bits:
            return windows
        return Packed(windows.reshape(len(windows), -1, -(-self.bits // 64)), self.bits)

    def runs(self, item: int) -> list[list[int]]:
        """What lies side by side in a window: distance from its first byte, and bytes, of elements of `item`
        bytes.
        """
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

    def groups(self, height: int, breadth: int) -> tuple["Patches", np.ndarray]:
        """The first window of every group (height, breadth) that a pool makes one of, and the number of
        windows of a group and their distances from the first, in bytes of packed bits.
        """
        (down, right), (rows, columns), pixel = self.stride, self.size, self.image.shape[3] * 8
        places = [
            (y * down * self.image.shape[2] + x * right) * pixel
            for y in range(height)
            for x in range(breadth)
        ]
        first = replace(
            self, stride=(down * height, right * breadth), size=(rows // height, columns // breadth)
        )
        return first, np.array([len(places), *places], np.int64)

    def grid(self, item: int, result: int) -> np.ndarray:
        """The grid (`kernels`) of all windows, of elements of `item` bytes, results of `result` bytes side by
        side; the longest of the axes that allow it is last.
        """
        (images, height, breadth, channels), (rows, columns) = self.image.shape, self.size
        pixel = channels * item
        axes = [
            [images, height * breadth * pixel, rows * columns * result],
            [rows, self.stride[0] * breadth * pixel, columns * result],
            [columns, self.stride[1] * pixel, result],
        ]
        if columns < 5 and images > columns:
            axes = axes[1:] + axes[:1]
        return np.array(axes, np.int64)


def rows_grid(rows: int, length: int, result: int) -> np.ndarray:
    """The grid of vectors of `length` bytes one behind the other."""
    return np.array([[1, 0, 0], [1, 0, 0], [rows, length, result]], np.int64)
