"""How much a figure would vary with other pictures of the same kind."""

from collections.abc import Callable
from typing import Any

import numpy as np


def confidence_interval(
    items: list[Any], statistic: Callable[[list[Any]], float], draws: int = 1000, seed: int = 0,
    share: float = 0.9,
) -> tuple[float, float]:  # fmt: skip
    """Return the percentile interval of a figure over pictures or sequences (B. Efron, 1979).

    Args:
        items: one entry per picture or sequence, as `statistic` takes them.
        statistic: list -> float, for example `pedestrian.lamr`. Draws for which it is nan are ignored.
        draws: number of samples, each of the same size as `items`, drawn with replacement.
        seed: equal seeds give equal intervals.
        share: share of the draws inside the interval; 0.9 is 5 % to 95 %.

    Returns:
        low, high. The interval says nothing about other trainings or other data sets.
    """
    rng = np.random.default_rng(seed)
    values = [statistic([items[i] for i in rng.integers(len(items), size=len(items))]) for _ in range(draws)]
    low, high = np.nanquantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
