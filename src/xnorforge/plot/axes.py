"""Axes of a chart: round ticks, and the position of a value between the ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` with a tick at each of `ticks`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The position of a value: 0 at `low`, 1 at `high`."""
        return (value - self.low) / (self.high - self.low)


def linear_axis(values: Sequence[float], whole: bool = False) -> Axis:
    """An axis with two to six equal steps around values; `whole`: the steps are whole numbers.

    >>> linear_axis([0.91, 0.98]).ticks
    (0.9, 0.92, 0.94, 0.96, 0.98)
    """
    low, high = min(values), max(values)
    span = high - low or abs(high) * 0.02 or 1.0
    rough = span / 4
    power = 10.0 ** floor(log10(rough))
    step = next((n * power for n in STEPS if n * power >= rough), 10 * power)
    step = max(step, 1.0) if whole else step
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    ticks = tuple(round(n * step, 9) for n in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)


def tight(axis: Axis, values: Sequence[float]) -> Axis:
    """The same axis, ending at the values themselves; it keeps the ticks between them."""
    low, high = min(values), max(values)
    ticks = tuple(tick for tick in axis.ticks if low <= tick <= high)
    return Axis(low, high, ticks) if ticks and low < high else axis
