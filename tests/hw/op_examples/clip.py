"""Instances of Clip for the conformance tests."""

import numpy as np

from xnorforge.hw.any_width import drawn
from xnorforge.hw.streams import value_range


def examples(cls):
    """(in_shape, pe, in_bits, in_signed, mul, out_bits, out_signed)"""
    points = [
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
    names = ("in_shape", "pe", "in_bits", "in_signed", "mul", "out_bits", "out_signed")
    found = []
    for index, point in enumerate(points):
        shape, _, bits, signed, mul, *_ = point
        rng = np.random.default_rng(index)
        low, high = value_range(bits, bool(signed))
        arrays = {
            "at": drawn(rng, mul * low - 3, mul * high + 4, shape[-1])
        }  # some always, some never given out
        if index % 2 or index > 20:
            arrays["direction"] = rng.choice([-1, 1], shape[-1])
        found.append(cls.make(f"clip_{index}", arrays, **dict(zip(names, point))))
    return found
