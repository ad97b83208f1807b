"""Instances of SumPool for the conformance tests."""

from typing import Any

from .drawn import from_points


def examples(cls):
    """(ifm, kernel, pe, in_bits, in_signed)"""
    points: list[tuple[Any, ...]] = [
        ((4, 4, 4), (2, 2), 4, 1, 0), ((4, 4, 4), (2, 2), 1, 8, 0), ((6, 4, 6), (2, 2), 3, 5, 1),
        ((4, 6, 4), (2, 2), 2, 2, 1), ((5, 5, 2), (2, 2), 2, 8, 1), ((5, 5, 2), (2, 2), 1, 1, 0),
        ((4, 7, 6), (2, 3), 2, 4, 0), ((7, 8, 3), (3, 3), 1, 3, 0), ((8, 7, 2), (3, 3), 2, 6, 1),
        ((3, 3, 5), (3, 3), 5, 1, 0), ((7, 7, 4), (7, 7), 4, 1, 0), ((7, 7, 4), (7, 7), 2, 8, 1),
        ((4, 4, 6), (4, 4), 1, 12, 1), ((8, 8, 3), (8, 8), 1, 1, 0), ((2, 2, 1), (2, 2), 1, 18, 1),
        ((4, 6, 2), (1, 3), 1, 4, 1), ((6, 4, 3), (2, 1), 3, 7, 0), ((1, 8, 6), (1, 4), 6, 2, 0),
        ((4, 3, 2), (1, 1), 1, 5, 1), ((1, 1, 4), (1, 1), 2, 3, 0), ((9, 7, 4), (4, 4), 4, 9, 1),
        ((3, 2, 2), (3, 2), 2, 1, 1), ((11, 2, 3), (3, 2), 1, 6, 0), ((8, 1, 2), (4, 1), 1, 2, 1),
        ((4, 4, 4), (2, 2), 2, 61, 1), ((4, 4, 3), (2, 2), 1, 68, 1), ((3, 3, 2), (3, 3), 1, 33, 0),
    ]  # fmt: skip
    of_windows = [((3, 4, 4), (3, 3), 2, 8, 1), ((2, 5, 3), (2, 3), 3, 1, 0), ((1, 1, 2), (4, 1), 1, 9, 1)]
    names = ("ifm", "kernel", "stride", "pe", "in_bits", "in_signed", "windows")
    points = [(ifm, kernel, kernel, *rest, 0) for ifm, kernel, *rest in points]
    points += [(ifm, kernel, kernel, *rest, 1) for ifm, kernel, *rest in of_windows]
    return from_points(cls, "sum_pool", names, points)
