"""Comparison of trainings with a baseline by their differences seed by seed.

Runs with the same seed share the initial weights, the order of images and their augmentation, so a
difference of two runs varies less than their accuracies do. What chance adds to the baseline's run of a seed
is in the differences of all variants with that seed: with V variants and S seeds that all have, d_vs = m_v +
b_s + e_vs, where b_s is random, one for all variants, and e_vs one for each. The variance of a difference is
the mean over the variants of its sample variance over the seeds, (B + (V - 1) W) / V with the mean squares B
between and W within seeds. Its degrees of freedom (F. E. Satterthwaite, 1946) reach from S - 1, if all of it
came from the baseline's runs, to V (S - 1).
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95  # of the interval


@dataclass(frozen=True)
class Difference:
    """Mean difference over `count` seeds, and its two-sided interval from `low` to `high`; both are NaN if
    no variant has two seeds, without which nothing is known of the spread."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        interval = "-" if math.isnan(self.low) else f"{self.low:+.2f}, {self.high:+.2f}"
        return f"{self.mean:+.2f} [{interval}]"


def gaps_from(
    values: Mapping[str, Mapping[int, float]], baseline: Mapping[int, float]
) -> dict[str, Difference]:
    """`values` by variant and seed minus those of the baseline, over the seeds that both have; without the
    variants that share none. The spread is that of the variants with the most seeds."""
    gaps = {
        name: gap for name, own in values.items()
        if (gap := {seed: value - baseline[seed] for seed, value in own.items() if seed in baseline})
    }  # fmt: skip
    seeds = sorted(max(gaps.values(), key=len)) if gaps else []
    every = np.array([[gap[seed] for seed in seeds] for gap in gaps.values() if gap.keys() >= set(seeds)])
    reach, found = math.nan, {}  # of one seed
    if len(seeds) > 1:
        from scipy.special import stdtrit  # costs a second to import, less than scipy.stats

        deviation, freedom = spread_of(every)
        reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * deviation
    for name, gap in gaps.items():
        mean, own = statistics.mean(gap.values()), reach / math.sqrt(len(gap))
        found[name] = Difference(mean, mean - own, mean + own, len(gap))
    return found


def spread_of(gaps: np.ndarray) -> tuple[float, float]:
    """Standard deviation and degrees of freedom of a difference, from differences (variants, seeds)."""
    count, seeds = gaps.shape
    variance = gaps.var(1, ddof=1).mean()
    between = count * gaps.mean(0).var(ddof=1)
    within = count * variance - between  # times V - 1
    parts = between**2 + (within**2 / (count - 1) if count > 1 else 0.0)
    return math.sqrt(variance), (seeds - 1) * (count * variance) ** 2 / parts if parts else seeds - 1.0
