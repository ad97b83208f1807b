"""Instances of Clip for the conformance tests."""

from xnorforge.hw.any_width import drawn
from xnorforge.hw.streams import value_range

NAMES = "in_shape pe in_bits in_signed mul out_bits out_signed"
POINTS = [
    ((2, 3, 4), 1, 8, 1, 1, 8, 1), ((2, 3, 4), 2, 8, 1, 2, 9, 1), ((2, 3, 4), 4, 8, 0, 1, 8, 0),
    ((4,), 4, 5, 0, 2, 6, 0), ((5, 1), 1, 6, 1, 1, 6, 1), ((5, 1), 1, 6, 1, 2, 7, 0),
    ((2, 2, 6), 3, 7, 1, 1, 7, 1), ((3, 6), 2, 4, 1, 1, 5, 1), ((3, 6), 6, 9, 0, 2, 10, 0),
    ((2, 2, 3), 1, 12, 1, 1, 12, 1), ((4, 5), 5, 3, 0, 1, 4, 1), ((4, 5), 1, 3, 1, 2, 4, 1),
    ((6,), 1, 1, 0, 1, 1, 0), ((6,), 2, 1, 0, 2, 2, 0), ((4,), 2, 1, 1, 1, 1, 1),
    ((2, 4), 2, 10, 1, 1, 6, 1), ((2, 4), 4, 10, 1, 2, 5, 0), ((2, 10), 1, 16, 1, 1, 16, 1),
    ((3, 7), 7, 8, 1, 1, 12, 1), ((3, 12), 3, 5, 1, 1, 5, 0), ((1, 9), 3, 20, 1, 2, 21, 1),
    ((2, 2, 8), 8, 2, 1, 1, 3, 1), ((40,), 2, 6, 0, 1, 6, 0), ((2, 6), 3, 64, 1, 2, 65, 1),
    ((2, 6), 1, 70, 1, 1, 70, 1),
]  # fmt: skip


def arrays(at: dict, index: int, rng) -> dict:
    """Some bounds are always, some never given out."""
    low, high = value_range(at["in_bits"], bool(at["in_signed"]))
    channels = at["in_shape"][-1]
    found = {"at": drawn(rng, at["mul"] * low - 3, at["mul"] * high + 4, channels)}
    if index % 2 or index > 20:
        found["direction"] = rng.choice([-1, 1], channels)
    return found
