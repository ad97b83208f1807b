"""Axes of a chart: round ticks, and the position of a value between the ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

STEPS = (1, 2, 5)
MANY = 8  # ticks of a logarithmic axis, above which only powers of ten are kept


@dataclass(frozen=True)
class Axis:
    """From `low` to `high` with a tick at each of `ticks`; `log`: logarithmic."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """The position of a value: 0 at `low`, 1 at `high`."""
        if self.log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


def log_axis(values: Sequence[float]) -> Axis:
    """A logarithmic axis around positive values; its ends are 1, 2 or 5 times a power of ten.

    >>> log_axis([300, 4000]).ticks
    (200, 500, 1000, 2000, 5000)
    """
    grid = [step * 10.0**power for power in range(-9, 16) for step in STEPS]
    first = max(index for index, tick in enumerate(grid) if tick <= min(values) * (1 + 1e-9))
    last = min(index for index, tick in enumerate(grid) if tick >= max(values) * (1 - 1e-9))
    first -= first == last
    ticks = grid[first : last + 1]
    low, high = ticks[0], ticks[-1]
    if len(ticks) > MANY:
        ticks = [tick for tick in ticks if f"{tick:e}".startswith("1.0")]
    return Axis(low, high, tuple(ticks), log=True)


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
    return Axis(low, high, ticks, axis.log) if ticks and low < high else axis
