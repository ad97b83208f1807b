"""Instances of Requantise for the conformance tests."""

import numpy as np

from xnorforge.hw.any_width import drawn
from xnorforge.hw.ops._streams import value_range


def examples(cls):
    """(in_shape, pe, in_bits, in_signed, shift, levels)"""
    points = [
        ((2, 3, 4), 1, 12, 1, 4, 255), ((2, 3, 4), 4, 12, 1, 4, 255), ((4,), 2, 8, 0, 3, 15),
        ((4,), 4, 8, 0, 1, 255),
        ((2, 2, 6), 3, 10, 1, 6, 15), ((5, 1), 1, 9, 1, 2, 7), ((2, 3, 4), 1, 22, 1, 9, 255),
        ((3, 6), 2, 7, 0, 5, 3),
        ((3, 6), 6, 6, 1, 4, 3), ((2, 2, 3), 1, 5, 0, 1, 7), ((2, 64), 2, 16, 1, 8, 127),
        ((2, 128), 1, 14, 1, 6, 255),
        ((3, 5), 5, 8, 1, 7, 1), ((4, 4), 2, 3, 0, 2, 4), ((4, 4), 2, 3, 1, 1, 6),
        ((2, 4), 1, 20, 1, 12, 255),
        ((1,), 1, 8, 0, 4, 20), ((2, 3), 1, 2, 1, 1, 3), ((2, 3), 3, 11, 0, 3, 31),
        ((2, 2), 1, 18, 1, 10, 255),
        ((7, 2), 2, 9, 1, 3, 100), ((2, 33), 11, 8, 0, 2, 63), ((2, 6), 2, 40, 1, 4, 255),
        ((2, 6), 3, 64, 1, 50, 255), ((2, 4), 1, 70, 1, 66, 15),
    ]  # fmt: skip
    found = []
    for index, (shape, pe, bits, signed, shift, levels) in enumerate(points):
        rng, channels = np.random.default_rng(index), shape[-1]
        low, high = value_range(bits, bool(signed))
        arrays = {"offset": drawn(rng, low - 2**shift, high + 2, channels) // 2}
        if index % 2:
            arrays |= {"ties": rng.integers(0, 3, channels), "direction": rng.choice([-1, 1], channels)}
        given = {
            "in_shape": shape,
            "pe": pe,
            "in_bits": bits,
            "in_signed": signed,
            "shift": shift,
            "levels": levels,
        }
        found.append(cls.make(f"requantise_{index}", arrays, **given))
    return found
