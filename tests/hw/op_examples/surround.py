"""Instances of Surround for the conformance tests."""

from typing import Any

import numpy as np

from xnorforge.hw.streams import value_range


def examples(cls):
    """(ifm, pads, pe, in_bits, in_signed, out_bits, out_signed)"""
    points: list[tuple[Any, ...]] = [
        ((4, 4, 4), (1, 1, 1, 1), 4, 1, 0, 1, 0), ((4, 4, 4), (1, 1, 1, 1), 1, 1, 0, 1, 0),
        ((4, 4, 4), (1, 1, 1, 1), 2, 1, 0, 2, 1), ((3, 5, 6), (2, 0, 0, 1), 3, 8, 0, 8, 0),
        ((3, 5, 6), (0, 2, 1, 0), 2, 8, 0, 9, 1), ((5, 3, 3), (1, 0, 0, 0), 3, 4, 1, 4, 1),
        ((5, 3, 3), (0, 1, 0, 0), 1, 4, 1, 7, 1), ((5, 3, 3), (0, 0, 1, 0), 3, 4, 0, 6, 0),
        ((5, 3, 3), (0, 0, 0, 1), 1, 4, 0, 4, 0), ((1, 1, 1), (1, 1, 1, 1), 1, 3, 0, 3, 0),
        ((1, 1, 2), (3, 2, 1, 4), 2, 3, 1, 5, 1), ((1, 1, 3), (0, 0, 0, 0), 1, 2, 0, 2, 0),
        ((1, 7, 2), (2, 2, 2, 2), 1, 1, 0, 3, 1), ((7, 1, 2), (2, 3, 2, 3), 2, 1, 0, 1, 0),
        ((2, 2, 5), (5, 5, 5, 5), 5, 6, 1, 6, 1), ((2, 2, 5), (0, 0, 3, 0), 1, 6, 1, 12, 1),
        ((3, 4, 8), (1, 2, 3, 0), 4, 2, 0, 2, 0), ((3, 4, 8), (1, 1, 1, 1), 2, 16, 1, 17, 1),
        ((6, 6, 3), (1, 1, 1, 1), 3, 8, 0, 8, 0), ((6, 6, 7), (0, 1, 0, 1), 7, 1, 0, 1, 0),
        ((4, 3, 12), (2, 1, 0, 1), 3, 5, 0, 6, 1), ((2, 9, 1), (0, 8, 0, 8), 1, 10, 1, 10, 1),
    ]  # fmt: skip
    found, names = [], ("ifm", "pads", "pe", "in_bits", "in_signed", "out_bits", "out_signed")
    for index, point in enumerate(points):
        low, high = value_range(point[-2], bool(point[-1]))
        values = np.random.default_rng(index).integers(low, high + 1, point[0][-1])
        if index % 3 == 0:
            values[:] = values[0]
        found.append(cls.make(f"surround_{index}", {"values": values}, **dict(zip(names, point))))
    return found
