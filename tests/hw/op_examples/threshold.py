"""Instances of Threshold for the conformance tests."""

import numpy as np

from xnorforge.hw.any_width import drawn
from xnorforge.hw.streams import value_range


def examples(cls):
    """(in_shape, pe, in_bits, in_signed, steps), some of whose tables are read ahead, with pixels."""
    points = [
        ((2, 3, 4), 1, 8, 0, 1), ((2, 3, 4), 2, 8, 1, 1), ((4,), 4, 5, 0, 1), ((2, 2, 6), 3, 7, 1, 1),
        ((5, 1), 1, 6, 1, 1), ((2, 3, 4), 1, 8, 0, 3), ((2, 3, 4), 4, 8, 1, 3), ((3, 6), 2, 4, 1, 2),
        ((3, 6), 6, 9, 0, 2), ((2, 2, 3), 1, 12, 1, 3), ((2, 3, 4), 2, 6, 0, 7), ((2, 3, 4), 1, 6, 1, 7),
        ((3, 5), 5, 8, 1, 5), ((4, 4), 2, 3, 0, 4), ((4, 4), 2, 3, 1, 6), ((2, 4), 1, 8, 1, 15),
        ((2, 4), 2, 8, 0, 9), ((2, 3), 1, 10, 1, 16), ((2, 3), 3, 6, 0, 31), ((2, 2), 1, 9, 1, 255),
        ((3, 2), 2, 8, 0, 100), ((6,), 1, 1, 0, 1), ((3, 4), 2, 2, 1, 3), ((2, 10), 1, 16, 1, 1),
        ((2, 6), 2, 33, 1, 1), ((2, 6), 3, 64, 1, 1), ((2, 6), 1, 70, 1, 3), ((5,), 5, 68, 0, 1),
        ((2, 128), 1, 11, 1, 2), ((2, 256), 2, 11, 1, 3), ((3, 512), 1, 9, 1, 2), ((1, 330), 1, 6, 0, 3),
    ]  # fmt: skip
    several = [
        ((4, 6, 1), 1, 8, 0, 1, 8), ((4, 6, 1), 1, 8, 0, 1, 4), ((3, 4, 3), 3, 8, 0, 1, 2),
        ((3, 4, 3), 3, 5, 1, 3, 4), ((3, 4, 2), 2, 6, 1, 6, 12), ((5, 3, 2), 2, 12, 0, 2, 5),
        ((2, 64), 1, 24, 1, 255, 1), ((2, 40), 1, 30, 0, 100, 1), ((512,), 1, 18, 1, 31, 1),
        ((2, 20), 1, 70, 1, 200, 1), ((300,), 1, 33, 1, 5, 1),
    ]  # fmt: skip
    one = [(*point, 1) for point in points]
    found = []
    for index, (shape, pe, bits, signed, steps, pixels) in enumerate([*one, *several]):
        rng = np.random.default_rng(index)
        low, high = value_range(bits, bool(signed))
        reach = max(-low, high) + 2  # some are always or never reached
        arrays = {"thresholds": np.sort(drawn(rng, -reach, reach + 1, (shape[-1], steps)), axis=1)}
        if index % 2:
            arrays["direction"] = rng.choice([-1, 1], shape[-1])
        sizes = {"in_shape": shape, "pe": pe, "in_bits": bits, "in_signed": signed, "pixels": pixels}
        found.append(cls.make(f"threshold_{index}", arrays, **sizes))
    given = {"in_shape": (2, 128), "in_bits": 12, "in_signed": 1, "tables": "block"}
    steps = np.sort(np.random.default_rng(0).integers(-2050, 2050, (128, 15)), 1)
    many = np.sort(np.random.default_rng(1).integers(0, 2048, (3, 286)), 1)
    nine_bits = cls.make("of nine bits", {"thresholds": many}, in_shape=(2, 3), in_bits=11, pe=3)
    return [*found, cls.make("threshold_block", {"thresholds": steps}, **given), nine_bits]
