"""Instances of Join for the conformance tests."""

import numpy as np


def examples(cls):
    """(in_shape, pe, in_bits, in_signed, out_bits, out_signed, largest multiplier; 0: ones, negative: one
    constant)
    """
    points = [
        ((4,), 1, (8,), (0,), 20, 1, 900), ((4,), 4, (8,), (1,), 9, 1, -2),
        ((2, 3, 4), 2, (4, 4), (0, 0), 5, 0, 0), ((2, 3, 4), 1, (9, 9), (0, 0), 22, 1, 500),
        ((2, 3, 4), 4, (9, 18), (0, 1), 20, 1, 300), ((2, 2, 6), 3, (1, 1, 1), (0, 0, 0), 2, 0, 0),
        ((2, 2, 6), 1, (10, 10, 10), (0, 0, 0), 24, 1, 180),
        ((2, 2, 6), 6, (10, 10, 10), (0, 0, 0), 24, 1, 180), ((3, 8), 2, (9,) * 5, (0,) * 5, 23, 1, 2000),
        ((3, 8), 1, (16, 5), (1, 0), 17, 1, 1), ((3, 8), 8, (3, 7), (1, 1), 12, 1, -45),
        ((5, 1), 1, (6, 6), (0, 1), 8, 1, 0), ((1,), 1, (1,), (0,), 1, 0, 0),
        ((1,), 1, (12, 12), (1, 1), 8, 1, 9), ((9,), 3, (8, 8), (0, 0), 8, 0, 3),
        ((2, 2, 64), 2, (9, 22), (0, 1), 23, 1, 1000), ((2, 2, 128), 1, (11, 11), (0, 0), 24, 1, 76),
        ((4, 4, 2), 2, (2, 20), (0, 1), 21, 1, -64), ((4, 4, 2), 1, (2, 2, 2, 2), (1, 0, 1, 0), 9, 1, 30),
        ((3, 3, 3), 3, (24, 24), (1, 1), 24, 1, 0), ((3, 3, 3), 1, (17, 9), (1, 0), 30, 1, 8000),
        ((2, 2, 6), 2, (9, 44), (0, 1), 45, 1, 2**33), ((2, 5), 1, (9, 62), (0, 1), 64, 1, 2**52),
        ((2, 6), 3, (10, 69), (0, 1), 70, 1, 2**57), ((3, 4), 4, (70, 66), (1, 0), 71, 1, 0),
        ((3, 4), 2, (12, 12), (0, 0), 60, 1, -(2**40 + 77)),
    ]  # fmt: skip
    found = []
    for index, (shape, pe, bits, signed, out, out_signed, largest) in enumerate(points):
        rng, channels = np.random.default_rng(index), shape[-1]
        table = rng.integers(-largest, largest + 1, (len(bits), channels)) if largest > 0 else None
        if table is None:
            table = np.full((len(bits), channels), largest or 1)
        elif len(bits) > 1:
            table[-1] = 1  # a shortcut
        given = {"in_shape": shape, "pe": pe, "in_bits": bits, "in_signed": signed}
        given |= {"out_bits": out, "out_signed": out_signed}
        found.append(cls.make(f"join_{index}", {"multipliers": table}, **given))
    return found
