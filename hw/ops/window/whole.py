"""Windows that are given whole, one per beat: when, and how many pixels may have to wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

SMALLEST_FIFO = 4  # pixels: fewer are no memory


def whole_elements(attributes: Mapping[str, Any]) -> int | None:
    """Elements of a window that can leave in one beat; None where that is not built: a window of one pixel,
    several rates, or windows that start to the left of (above) the last one's end in the row (rows) before.
    """
    kernel, pads = list(attributes["kernel"]), list(attributes.get("pads") or (0, 0, 0, 0))
    if prod(kernel) == 1 or list(attributes.get("rates") or [1]) != [1]:
        return None
    dilation = attributes.get("dilation") or (1, 1)
    ends = zip(pads[:2], pads[2:], kernel, dilation)
    fit = all(before + behind <= (k - 1) * step for before, behind, k, step in ends)
    return prod(kernel) * attributes["ifm"][2] if fit else None


@dataclass(frozen=True)
class Line:
    """One axis of the image as it is stepped through.

    Attributes:
        size: pixels.
        out: windows.
        stride: steps from one window to the next.
        first: step that completes the first window, from 0.
    """

    size: int
    out: int
    stride: int
    first: int

    @property
    def steps(self) -> int:
        """Pixels, and what the last window covers beyond them."""
        return max(self.size, self.ends()[-1] + 1)

    def ends(self) -> list[int]:
        """The step that completes each window."""
        return [self.first + self.stride * index for index in range(self.out)]


@dataclass(frozen=True)
class Steps:
    """A frame of whole windows, a step per cycle: rows from top to bottom, in each its columns."""

    rows: Line
    columns: Line

    @property
    def interval(self) -> int:
        """Steps of a frame."""
        return self.rows.steps * self.columns.steps

    def given(self) -> np.ndarray:
        """The step that completes each window, int64 (windows,)."""
        rows, columns = (np.array(line.ends()) for line in (self.rows, self.columns))
        return (rows[:, None] * self.columns.steps + columns).ravel()

    def pixels(self) -> np.ndarray:
        """The step that takes each pixel, int64 (pixels,)."""
        rows, columns = (np.arange(line.size) for line in (self.rows, self.columns))
        return (rows[:, None] * self.columns.steps + columns).ravel()

    def seen(self) -> np.ndarray:
        """The first step that needs each pixel, which is the one that takes it."""
        return self.pixels()

    def needed(self) -> np.ndarray:
        """Pixels seen up to and with the step that completes each window, int64 (windows,)."""
        return np.searchsorted(self.seen(), self.given(), side="right")


@cache
def waiting(steps: Steps) -> int:
    """Pixels that have to fit in front so that two neighbours never wait that both need a whole frame's time,
    one of which gives its pixels and the other takes its windows at an even pace.

    In units of a frame: pixel p comes at p / pixels. Window k is taken at start + k / windows, start being
    the earliest at which none is taken before it is there. A step waits until the window before it is taken.
    """
    pixels, windows = steps.pixels(), steps.given()
    count, frame = len(pixels), 1 + np.arange(2)[:, None]  # the second frame waits for the first
    there = np.maximum((steps.needed() - 1) / count, windows / steps.interval)
    each = np.arange(len(windows)) / len(windows)
    taken = (frame + (there - each).max() + each).ravel()  # of two frames
    stepped = (frame + pixels / steps.interval).ravel()
    before = np.searchsorted(windows, pixels, side="left")  # windows of its frame before a pixel's step
    before = (before + np.arange(2)[:, None] * len(windows)).ravel()
    left = np.maximum(stepped, np.where(before > 0, taken[before - 1], 0))
    come = (frame + np.arange(count) / count).ravel()
    inside = np.searchsorted(come, left, side="right") - np.arange(2 * count)
    return max(SMALLEST_FIFO, int(inside.max()))
