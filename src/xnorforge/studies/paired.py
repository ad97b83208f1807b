"""Comparison of two methods by their differences seed by seed.

Runs with the same seed share the initial weights, the order of images and their augmentation, so a difference
of two runs varies less than their accuracies do.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

LEVEL = 0.95  # of the interval


@dataclass(frozen=True)
class Difference:
    """Mean difference over `count` seeds, and the two-sided Student t interval of that mean, from `low` to
    `high`; both are None with fewer than two seeds, which give no information about the spread."""

    mean: float
    low: float | None
    high: float | None
    count: int

    @property
    def sign(self) -> int:
        """+1 or -1 if the whole interval lies on one side of 0, else 0: no direction is shown."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)

    def __str__(self) -> str:
        interval = "-" if self.low is None else f"{self.low:+.2f}, {self.high:+.2f}"
        return f"{self.mean:+.2f} [{interval}]"


def paired_difference(values: Mapping[int, float], others: Mapping[int, float]) -> Difference | None:
    """`values` minus `others`, by seed, over the seeds that both have; None if they share none."""
    gaps = [value - others[seed] for seed, value in values.items() if seed in others]
    if not gaps:
        return None
    mean = statistics.mean(gaps)
    if len(gaps) == 1:
        return Difference(mean, None, None, 1)
    from scipy.special import stdtrit  # costs a second to import, less than scipy.stats

    reach = stdtrit(len(gaps) - 1, (1 + LEVEL) / 2) * statistics.stdev(gaps) / math.sqrt(len(gaps))
    return Difference(mean, mean - float(reach), mean + float(reach), len(gaps))
