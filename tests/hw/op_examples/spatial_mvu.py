"""Instances of SpatialMvu for the conformance tests."""

from typing import Any

from .drawn import seeded


def examples(cls):
    """A constant per beat and several, one to eight bits of it, sums and thresholds, all memories."""
    points: list[tuple[Any, ...]] = [  # mw, mh, simd, pe, vectors, raw, run, scale_bits, more
        (2, 1, 1, 1, 5, False, 1, 2, {}), (4, 3, 1, 3, 3, True, 2, 3, {}), (9, 6, 3, 2, 3, False, 3, 3, {}),
        (9, 6, 9, 6, 3, True, 1, 2, {}), (18, 4, 2, 2, 2, False, 2, 1, {}), (18, 6, 6, 3, 2, True, 2, 3, {}),
        (36, 8, 4, 4, 2, False, 4, 3, {}), (36, 4, 12, 4, 3, True, 4, 4, {}),
        (36, 12, 36, 4, 3, False, 4, 3, {}), (45, 5, 5, 5, 2, True, 5, 3, {}),
        (72, 8, 8, 2, 3, False, 8, 3, {}), (72, 6, 4, 3, 2, True, 8, 4, {}),
        (72, 16, 24, 4, 2, False, 8, 2, {}), (90, 10, 5, 2, 2, False, 10, 3, {}),
        (108, 4, 12, 4, 2, True, 12, 8, {}), (144, 8, 16, 4, 2, False, 16, 3, {}),
        (144, 8, 16, 4, 2, False, 16, 3, {"rom": "block"}), (144, 4, 48, 2, 3, True, 16, 3, {"rom": "block"}),
        (25, 260, 25, 1, 1, False, 5, 3, {}),  # starts in block RAM
        (160, 2, 1, 1, 1, False, 32, 3, {}),  # input buffer in block RAM
        (192, 6, 64, 3, 3, False, 64, 5, {}), (288, 4, 32, 2, 2, True, 32, 3, {"rom": "logic"}),
        (60, 16, 10, 2, 2, False, 20, 3, {"rom": "block", "rom_rows": 32}),
        (60, 16, 10, 2, 2, True, 20, 4, {"rom": "block", "rom_rows": 64}),
        (576, 4, 64, 2, 2, False, 64, 3, {"rom": "block"}),
    ]  # fmt: skip
    names = ("mw", "mh", "simd", "pe", "vectors", "raw", "run", "scale_bits")
    return [
        seeded(cls, seed, **dict(zip(names, point)), **more) for seed, (*point, more) in enumerate(points)
    ]
