"""Instances of MaxPool for the conformance tests."""

import numpy as np


def examples(cls):
    """(ifm, kernel, pe, in_bits, in_signed, directions: none, mixed, all minima)"""
    points = [
        ((4, 4, 4), (2, 2), 4, 8, 0, 0), ((4, 4, 4), (2, 2), 1, 8, 1, 0), ((6, 4, 6), (2, 2), 3, 4, 1, 1),
        ((4, 6, 4), (2, 2), 2, 3, 0, 1), ((5, 5, 2), (2, 2), 2, 9, 1, 2), ((5, 5, 2), (2, 2), 1, 5, 0, 1),
        ((4, 7, 6), (2, 3), 2, 4, 0, 0), ((7, 8, 3), (3, 3), 1, 6, 1, 1), ((8, 7, 2), (3, 3), 2, 2, 1, 0),
        ((3, 3, 5), (3, 3), 5, 7, 0, 1), ((7, 7, 4), (7, 7), 4, 8, 1, 1), ((7, 7, 4), (7, 7), 2, 2, 0, 2),
        ((4, 4, 6), (4, 4), 1, 12, 1, 1), ((2, 2, 1), (2, 2), 1, 20, 1, 0), ((4, 6, 2), (1, 3), 1, 4, 1, 1),
        ((6, 4, 3), (2, 1), 3, 7, 0, 1), ((1, 8, 6), (1, 4), 6, 2, 1, 0), ((4, 3, 2), (1, 1), 1, 5, 1, 1),
        ((4, 4, 4), (2, 2), 2, 1, 0, 1), ((5, 4, 8), (2, 2), 8, 1, 0, 1), ((4, 4, 2), (2, 2), 1, 1, 0, 2),
        ((4, 4, 3), (2, 2), 1, 1, 1, 1), ((11, 2, 3), (3, 2), 1, 6, 0, 1),
        ((8, 1, 2), (4, 1), 1, 16, 1, 2), ((4, 4, 4), (2, 2), 2, 66, 1, 1),
    ]  # fmt: skip
    of_windows = [
        ((3, 4, 4), (3, 3), 2, 8, 1, 1), ((2, 5, 3), (2, 3), 3, 4, 0, 0), ((1, 1, 2), (4, 1), 1, 9, 1, 2),
    ]  # fmt: skip
    return made(cls, "max_pool", points, of_windows)


def made(cls, name, points, of_windows):
    """Operators of both kinds of points."""
    names, found = ["ifm", "kernel", "stride", "pe", "in_bits", "in_signed"], []
    for i, (ifm, kernel, pe, bits, signed, kind) in enumerate([*points, *of_windows]):
        mixed = np.random.default_rng(i).permutation(np.where(np.arange(ifm[2]) % 2, 1, -1))
        arrays = {"direction": [None, mixed, np.full(ifm[2], -1)][kind]} if kind else {}
        attributes = dict(zip(names, (ifm, kernel, kernel, pe, bits, signed)))
        found.append(cls.make(f"{name}_{i}", arrays, **attributes, windows=int(i >= len(points))))
    return found
