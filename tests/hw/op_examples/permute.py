"""Instances of Permute for the conformance tests."""

from math import prod

import numpy as np


def examples(cls):
    """(in_shape, out_shape, group, pe, bits, signed), with random orders."""
    points = [
        ((6,), (6,), 1, 1, 1, 0), ((6,), (6,), 2, 1, 3, 1), ((6,), (6,), 3, 3, 8, 0),
        ((1,), (1,), 1, 1, 4, 0), ((2,), (2,), 1, 1, 1, 0), ((2,), (2,), 2, 2, 9, 1),
        ((3, 4, 2), (24,), 1, 1, 2, 0), ((3, 4, 2), (24,), 2, 2, 2, 1), ((24,), (3, 4, 2), 2, 1, 5, 0),
        ((3, 4, 6), (4, 3, 6), 6, 3, 1, 0), ((3, 4, 6), (6, 3, 4), 2, 2, 1, 0),
        ((1, 9, 3), (1, 3, 9), 3, 1, 7, 1), ((5, 5, 4), (100,), 4, 4, 1, 0), ((100,), (5, 5, 4), 4, 2, 6, 1),
        ((7, 1, 3), (3, 7, 1), 1, 1, 16, 1), ((64,), (64,), 1, 1, 1, 0), ((64,), (64,), 8, 8, 1, 0),
        ((128,), (128,), 2, 2, 3, 0), ((8, 8, 8), (512,), 8, 8, 1, 0), ((600,), (600,), 2, 1, 2, 0),
        ((3,), (3,), 1, 1, 40, 1), ((16, 16, 2), (512,), 1, 1, 8, 0), ((4, 4, 10), (4, 4, 10), 10, 5, 70, 1),
    ]  # fmt: skip
    found = []
    for number, (before, behind, group, *rest) in enumerate(points):
        rng = np.random.default_rng(number)
        attributes = dict(zip(("pe", "bits", "signed"), rest)) | {
            "in_shape": list(before), "out_shape": list(behind), "group": group
        }  # fmt: skip
        arrays = {"order": rng.permutation(prod(before) // group)}
        found.append(cls.make(f"permute{number}", arrays, **attributes))
    return found
