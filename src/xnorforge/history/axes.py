"""Axes of a chart: round ticks, and where a value stands between the ends."""

from dataclasses import dataclass
from math import ceil, floor, log10

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with a tick at each of `ticks`; `log` for powers of ten."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value stands, 0 at `low` to 1 at `high`."""
        if self.log:
            return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return (value - self.low) / (self.high - self.low)


def log_axis(values: list[float]) -> Axis:
    """An axis by powers of ten around values above 0, its ends at 1, 2 or 5 times one.

    >>> log_axis([300, 4000]).ticks
    (200, 500, 1000, 2000, 5000)
    """
    grid = [step * 10.0**power for power in range(-3, 13) for step in STEPS]
    first = max(index for index, tick in enumerate(grid) if tick <= min(values))
    last = min(index for index, tick in enumerate(grid) if tick >= max(values))
    first -= first == last
    ticks = tuple(grid[first : last + 1])
    return Axis(ticks[0], ticks[-1], ticks, log=True)


def linear_axis(values: list[float]) -> Axis:
    """An axis of equal steps around values, of two to six steps.

    >>> linear_axis([0.91, 0.98]).ticks
    (0.9, 0.92, 0.94, 0.96, 0.98)
    """
    low, high = min(values), max(values)
    span = high - low or abs(high) * 0.02 or 1.0
    rough = span / 4
    power = 10.0 ** floor(log10(rough))
    step = next((n * power for n in STEPS if n * power >= rough), 10 * power)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if first == last:
        first, last = first - 1, last + 1
    ticks = tuple(round(n * step, 9) for n in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], ticks)
