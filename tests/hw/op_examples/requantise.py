"""Instances of Requantise for the conformance tests."""

from xnorforge.hw.any_width import drawn
from xnorforge.hw.streams import value_range

# Zero is there where there are slopes.
NAMES = "in_shape pe in_bits in_signed shift levels zero"
POINTS = [
    ((2, 3, 4), 1, 12, 1, 4, 255), ((2, 3, 4), 1, 12, 1, 0, 4095, 2048), ((2, 3, 4), 4, 12, 1, 4, 255),
    ((2, 3, 4), 4, 12, 1, 0, 4095, 2048), ((4,), 2, 8, 0, 3, 15), ((4,), 2, 8, 0, 3, 15, 4),
    ((4,), 4, 8, 0, 1, 255), ((4,), 4, 8, 0, 1, 255, 0), ((2, 2, 6), 3, 10, 1, 6, 15),
    ((2, 2, 6), 3, 10, 1, 6, 15, 15), ((5, 1), 1, 9, 1, 2, 7), ((5, 1), 1, 9, 1, 2, 7, 4),
    ((2, 3, 4), 1, 22, 1, 9, 255), ((2, 3, 4), 1, 22, 1, 9, 4095, 2048), ((3, 6), 2, 7, 0, 5, 3),
    ((3, 6), 2, 7, 0, 5, 3, 2), ((3, 6), 6, 6, 1, 4, 3), ((3, 6), 6, 6, 1, 4, 3, 1),
    ((2, 2, 3), 1, 5, 0, 1, 7), ((2, 2, 3), 1, 5, 0, 0, 7, 3), ((2, 64), 2, 16, 1, 8, 127),
    ((2, 64), 2, 16, 1, 6, 1023, 512), ((2, 128), 1, 14, 1, 6, 255),
    ((2, 128), 1, 14, 1, 0, 16383, 8192), ((3, 5), 5, 8, 1, 7, 1), ((3, 5), 5, 8, 1, 7, 1, 1),
    ((4, 4), 2, 3, 0, 2, 4), ((4, 4), 2, 3, 0, 2, 4, 2), ((4, 4), 2, 3, 1, 1, 6),
    ((4, 4), 2, 3, 1, 0, 6, 3), ((2, 4), 1, 20, 1, 12, 255), ((2, 4), 1, 20, 1, 8, 4095, 2048),
    ((1,), 1, 8, 0, 4, 20), ((2, 33), 11, 8, 0, 2, 63), ((2, 33), 11, 8, 0, 2, 63, 32),
    ((2, 6), 2, 40, 1, 4, 255), ((2, 6), 2, 40, 1, 4, 65535, 32768), ((2, 6), 3, 64, 1, 50, 255),
    ((2, 6), 3, 64, 1, 50, 255, 128), ((2, 16), 4, 14, 1, 2, 4095, 2048), ((2, 4), 1, 70, 1, 66, 15),
    ((2, 2), 1, 18, 1, 10, 255), ((2, 2), 1, 18, 1, 10, 255, 128), ((7, 2), 2, 9, 1, 3, 100, 50),
]  # fmt: skip


def arrays(at: dict, index: int, rng) -> dict:
    low, high = value_range(at["in_bits"], bool(at["in_signed"]))
    channels, sloped = at["in_shape"][-1], "zero" in at
    found = {"offset": drawn(rng, low - 2 ** at["shift"], high + 2, channels) // 2}
    if sloped or index // 2 % 2:
        found["ties"] = rng.integers(0, 1 if sloped else 3, channels)
        found["direction"] = rng.choice([-1, 1], channels)
    if sloped:
        found["slope"] = rng.choice((1, 2, 4, 8) if index // 4 % 2 == 0 else range(9), channels)
    return found
