"""How far a figure would move with other pictures of the same kind."""

import numpy as np


def confidence_interval(
    items: list, statistic, draws: int = 1000, seed: int = 0, share: float = 0.9
) -> tuple[float, float]:
    """Percentile interval of a figure over pictures or sequences (B. Efron, 1979).

    Args:
        items: one entry per picture or sequence, as `statistic` takes them.
        statistic: list -> float, for example `pedestrian.lamr`. Draws on which it is nan are left out.
        draws: how often as many items as there are are drawn, with repetition.
        seed: equal seeds give equal intervals.
        share: the part of all draws that the interval holds; 0.9 is 5 % to 95 %.

    Returns:
        low, high. The interval says nothing about other trainings or other data sets.
    """
    rng = np.random.default_rng(seed)
    values = [statistic([items[i] for i in rng.integers(len(items), size=len(items))]) for _ in range(draws)]
    low, high = np.nanquantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
