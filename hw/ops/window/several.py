"""Whole windows from beats of several neighbouring pixels of a row: which there are, and when each is there
(xf_window_whole.sv).

Where the stride skips columns, a step may take as many pixels as lie between two windows, and in a row that
completes none a whole beat: of 128 x 160 pixels, 3 x 3 kernels and stride 2, four at a time take 7,680 steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xnorforge.hw.ops.window.whole import Steps
from xnorforge.hw.streams import divisors

GROUPS = 4  # strides in a beat that `fold` looks at: more spare steps of rows without windows alone


def groups(attributes: Mapping[str, Any], pixels: int) -> int:
    """Steps of a beat in a row of windows; 0 where beats of so many pixels are not built: they do not divide
    a row, no column lies between windows, or of pixels and stride neither divides the other."""
    stride = list(attributes.get("stride") or (1, 1))[1]
    each = min(pixels, stride)
    if each < 2 or attributes["ifm"][1] % pixels or pixels % each or stride % each:
        return 0
    return pixels // each


def offered(attributes: Mapping[str, Any]) -> list[int]:
    """Pixels of a beat that are worth a look, one among them."""
    return [n for n in divisors(attributes["ifm"][1]) if n == 1 or 0 < groups(attributes, n) <= GROUPS]


@dataclass(frozen=True)
class Beats(Steps):
    """A frame of whole windows from beats of `many` pixels: a row that completes windows is stepped through
    by groups of `each` columns, any other by beats."""

    many: int
    each: int

    @property
    def groups(self) -> int:
        """Steps of a row of windows."""
        return -(-self.columns.steps // self.each)

    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Of every row whether it completes windows, and its first step, that of the next frame behind."""
        gives = np.zeros(self.rows.steps, bool)
        gives[self.rows.ends()] = True
        return gives, np.cumsum([0, *np.where(gives, self.groups, self.columns.size // self.many)])

    @property
    def interval(self) -> int:
        return int(self._rows()[1][-1])

    def given(self) -> np.ndarray:
        starts = self._rows()[1][self.rows.ends()]
        return (starts[:, None] + np.array(self.columns.ends()) // self.each).ravel()

    def seen(self) -> np.ndarray:
        """The first step that needs each beat, int64 (beats,)."""
        return self._steps_of_beats(0)

    def pixels(self) -> np.ndarray:
        """The last one, which takes it."""
        return self._steps_of_beats(self.many // self.each - 1)

    def _steps_of_beats(self, place: int) -> np.ndarray:
        gives, starts = (values[: self.rows.size, None] for values in self._rows())
        beat = np.arange(self.columns.size // self.many)
        return (starts + np.where(gives, beat * (self.many // self.each) + place, beat)).ravel()
