"""Instances of IntMvu for the conformance tests."""

from typing import Any

import numpy as np

from .drawn import seeded

TERNARY: dict[str, Any] = {"values": (-1, 0, 1)}  # weights of examples


def examples(cls):
    """Planes and multipliers, odd and even lanes and rows, bits as 0/1 and -1/+1, 2 to 8 bits, ternary."""
    points: list[tuple[Any, ...]] = [  # mw, mh, simd, pe, vectors, raw, in_bits, in_signed, w_bits, more
        (1, 1, 1, 1, 5, False, 8, 0, 8, {}), (1, 1, 1, 1, 5, True, 8, 1, 8, {}),
        (4, 3, 2, 3, 3, True, 8, 0, 8, {}), (9, 6, 3, 2, 3, False, 8, 0, 8, {}),
        (9, 6, 9, 6, 3, True, 8, 1, 7, {}), (15, 4, 5, 2, 2, True, 5, 0, 3, {}),
        (12, 8, 4, 4, 2, False, 4, 0, 4, {}), (12, 8, 12, 2, 3, True, 4, 1, 4, {}),
        (27, 5, 3, 1, 2, True, 8, 0, 2, {}), (16, 4, 8, 4, 2, False, 2, 1, 2, {}),
        (18, 6, 6, 3, 2, True, 3, 0, 5, {}), (24, 4, 8, 2, 2, True, 1, 0, 8, {}),
        (24, 4, 12, 2, 2, False, 1, 0, 4, {}), (25, 3, 5, 3, 3, False, 1, 0, 3, {"bipolar": 1}),
        (28, 6, 7, 2, 3, True, 1, 0, 2, {"bipolar": 1}), (36, 4, 36, 1, 3, True, 1, 0, 8, {"bipolar": 1}),
        (64, 8, 16, 4, 2, False, 1, 0, 8, {"bipolar": 1, "rom": "block"}),
        (6, 260, 6, 1, 1, False, 4, 0, 2, {}),  # starts in block RAM
        (1, 1, 1, 1, 5, True, 8, 0, 8, {"dsp": 1}), (8, 2, 1, 2, 3, False, 8, 0, 8, {"dsp": 1}),
        (8, 6, 2, 2, 3, True, 8, 0, 8, {"dsp": 1}), (9, 6, 3, 3, 3, False, 8, 0, 8, {"dsp": 1}),
        (16, 8, 8, 4, 2, True, 8, 1, 8, {"dsp": 1}), (14, 4, 7, 4, 2, False, 8, 0, 4, {"dsp": 1}),
        (20, 3, 10, 1, 2, True, 8, 1, 6, {"dsp": 1}),
        (20, 4, 5, 2, 3, True, 4, 0, 8, {"dsp": 1, "rom": "block"}),
        (22, 2, 11, 2, 3, False, 6, 1, 5, {"dsp": 1, "rom": "logic"}),
        (20, 4, 5, 2, 3, True, 4, 0, 8, {"dsp": 1, "rom": "block", "rom_rows": 4}),
        (12, 4, 3, 2, 2, True, 12, 0, 4, {}), (12, 4, 6, 2, 2, False, 12, 1, 8, {"dsp": 1}),
        (6, 2, 2, 1, 2, True, 16, 1, 6, {"dsp": 1}), (6, 4, 3, 2, 2, True, 8, 0, 9, {}),
        (6, 2, 2, 1, 2, False, 4, 1, 15, {}), (6, 4, 3, 2, 2, True, 8, 1, 12, {"dsp": 1}),
        (12, 3, 4, 1, 2, True, 1, 0, 16, {"bipolar": 1}),
        # Ternary: weights in the LUTs of their gates (2 to 32 words), in logic, in block RAM and columns.
        (12, 2, 12, 2, 3, False, 2, 0, 2, TERNARY), (8, 4, 8, 2, 3, True, 2, 1, 2, TERNARY),
        (36, 8, 12, 4, 2, False, 2, 0, 2, TERNARY), (26, 4, 13, 4, 3, False, 3, 1, 2, TERNARY),
        (40, 8, 8, 2, 2, True, 2, 0, 2, TERNARY), (64, 8, 16, 1, 2, False, 2, 1, 2, TERNARY),
        (45, 24, 15, 2, 2, True, 2, 0, 2, TERNARY | {"rom": "logic"}),
        (64, 4, 32, 2, 2, False, 2, 0, 2, TERNARY | {"rom": "block"}),
        (60, 16, 10, 2, 2, True, 2, 1, 2, TERNARY | {"rom": "block", "rom_rows": 64}),
        (60, 16, 10, 2, 2, False, 2, 1, 2, TERNARY | {"rom": "block", "rom_rows": 32}),
        (27, 4, 9, 2, 2, True, 8, 0, 2, TERNARY),
        (18, 300, 18, 1, 1, False, 5, 1, 2, TERNARY | {"starts": "block"}),
    ]  # fmt: skip
    names = ("mw", "mh", "simd", "pe", "vectors", "raw", "in_bits", "in_signed", "w_bits")
    made = [
        seeded(cls, seed, **dict(zip(names, point)), **more) for seed, (*point, more) in enumerate(points)
    ]
    return [*made, *special(cls)]


def special(cls):
    """Ternary weights, sums no wider than the weights make them, and a weight that does not pair."""
    rng = np.random.default_rng(5)
    shape: dict[str, Any] = {"mw": 32, "mh": 8, "simd": 8, "pe": 4, "vectors": 2, "in_shape": [2, 32],
                             "out_shape": [2, 8]}  # fmt: skip
    ternary, lowest = rng.integers(-1, 2, (32, 8)), rng.integers(-128, 128, (32, 8))
    lowest[:3, :2] = [[-1, -128]] * 3
    narrow: dict[str, Any] = {"w_bits": 2, "in_bits": 4, "in_signed": 1}
    low, high = cls.make(arrays={"weights": ternary}, **shape, **narrow).result_range()
    bits = max((-low - 1).bit_length(), high.bit_length()) + 1
    return [
        cls.make("ternary", {"weights": ternary}, **shape, **narrow, out_bits=bits),
        cls.make("steps", {"weights": ternary, "thresholds": rng.integers(-60, 60, 8)}, **shape, **narrow),
        cls.make("lowest", {"weights": lowest}, **shape, dsp=1),
    ]
