"""Instances of Depthwise for the conformance tests."""

from math import prod

import numpy as np


def examples(cls):
    """(ofm, kernel, pe, raw, xnor, in_bits, in_signed)"""
    points = [
        ((1, 1, 1), (1, 1), 1, True, 1, 1, 0), ((2, 3, 4), (3, 3), 4, True, 1, 1, 0),
        ((2, 3, 4), (3, 3), 2, True, 1, 1, 0), ((2, 3, 4), (3, 3), 1, True, 1, 1, 0),
        ((3, 2, 6), (3, 3), 6, False, 1, 1, 0), ((3, 2, 6), (3, 3), 3, False, 1, 1, 0),
        ((3, 2, 6), (2, 3), 2, False, 1, 1, 0), ((2, 2, 5), (3, 3), 1, False, 1, 1, 0),
        ((2, 2, 4), (1, 1), 2, False, 0, 1, 0), ((4, 1, 3), (5, 5), 3, True, 0, 1, 0),
        ((2, 2, 8), (3, 3), 4, True, 0, 1, 0), ((2, 2, 8), (3, 3), 2, False, 0, 1, 0),
        ((2, 2, 4), (3, 3), 4, True, 0, 8, 0), ((2, 2, 4), (3, 3), 2, True, 0, 8, 1),
        ((2, 2, 4), (3, 3), 1, False, 0, 8, 0), ((2, 2, 4), (2, 2), 2, False, 0, 8, 1),
        ((3, 3, 3), (1, 4), 3, False, 0, 4, 1), ((1, 5, 6), (3, 1), 2, True, 0, 2, 1),
        ((2, 2, 2), (7, 7), 1, True, 0, 12, 1), ((1, 1, 10), (3, 3), 5, False, 0, 3, 0),
        ((1, 2, 260), (2, 2), 1, False, 1, 1, 0), ((1, 2, 128), (3, 3), 1, True, 0, 8, 0),  # block RAM
        ((1, 2, 90), (3, 3), 90, False, 1, 1, 0), ((4, 4), (4, 2), 2, False, 0, 5, 0),
    ]  # fmt: skip
    return [seeded(cls, seed, *point) for seed, point in enumerate(points)]


def seeded(cls, seed, ofm, kernel, pe, raw, xnor, in_bits=1, in_signed=0):
    """An instance with random weights and, unless raw, thresholds near the middle, some always, never met."""
    attributes = {"ofm": ofm, "kernel": kernel, "pe": pe, "xnor": xnor, "in_bits": in_bits,
                  "in_signed": in_signed}  # fmt: skip
    rng, channels = np.random.default_rng(seed), ofm[-1]
    arrays = {"weights": rng.integers(0, 2, (prod(kernel), channels))}
    if not raw:
        low, high = cls.make(**attributes).result_range()
        near = rng.normal((low + high) / 2, (high - low) / 6, channels).round()
        arrays["thresholds"] = np.select(
            [rng.random(channels) < 0.1, rng.random(channels) < 0.1], [low - 1, high + 1], near
        ).astype(np.int64)
    return cls.make(f"depthwise_{seed}", arrays, **attributes)
