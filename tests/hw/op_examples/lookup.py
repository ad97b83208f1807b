"""Instances of Lookup for the conformance tests."""

from math import prod

NAMES = "in_shape neurons bits"
POINTS = [
    ((1,), 1, 1), ((2,), 1, 1), ((2,), 3, 2), ((6,), 1, 6), ((6,), 10, 6), ((7,), 4, 3), ((9,), 5, 8),
    ((12,), 33, 7), ((3, 2, 1), 4, 4), ((2, 2, 5), 20, 5), ((4, 4, 1), 16, 6), ((5, 5, 2), 40, 2),
    ((64,), 64, 6), ((65,), 31, 6), ((28, 28, 1), 100, 6), ((100,), 200, 6), ((33,), 7, 7), ((20,), 8, 8),
    ((8, 1, 3), 24, 3), ((1, 9, 1), 9, 1), ((40,), 40, 4), ((16,), 65, 5),
]  # fmt: skip


def arrays(at: dict, index: int, rng) -> dict:
    """Random places and tables, some of them constant."""
    bits, neurons = at.pop("bits"), at["neurons"]
    tables = rng.integers(2, size=(neurons, 1 << bits))
    tables[neurons // 2 :: 7] = index % 2
    return {"places": rng.integers(prod(at["in_shape"]), size=(neurons, bits)), "tables": tables}
