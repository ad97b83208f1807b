"""Instances of Lookup for the conformance tests."""

from math import prod

import numpy as np


def examples(cls):
    """(in_shape, neurons, bits of a table), with random places and tables, some of them constant."""
    points = [
        ((1,), 1, 1), ((2,), 1, 1), ((2,), 3, 2), ((6,), 1, 6), ((6,), 10, 6), ((7,), 4, 3), ((9,), 5, 8),
        ((12,), 33, 7), ((3, 2, 1), 4, 4), ((2, 2, 5), 20, 5), ((4, 4, 1), 16, 6), ((5, 5, 2), 40, 2),
        ((64,), 64, 6), ((65,), 31, 6), ((28, 28, 1), 100, 6), ((100,), 200, 6), ((33,), 7, 7), ((20,), 8, 8),
        ((8, 1, 3), 24, 3), ((1, 9, 1), 9, 1), ((40,), 40, 4), ((16,), 65, 5),
    ]  # fmt: skip
    found = []
    for number, (shape, neurons, bits) in enumerate(points):
        rng = np.random.default_rng(number)
        tables = rng.integers(2, size=(neurons, 1 << bits))
        tables[neurons // 2 :: 7] = number % 2
        arrays = {"places": rng.integers(prod(shape), size=(neurons, bits)), "tables": tables}
        found.append(cls.make(f"lookup_{number}", arrays, in_shape=list(shape), neurons=neurons))
    return found
