"""Instances of Fork for the conformance tests."""

from .drawn import from_points


def examples(cls):
    """(in_shape, pe, bits, signed, readers)"""
    points = [
        ((12,), 1, 8, 0, 2), ((12,), 12, 1, 0, 2), ((4, 3), 3, 5, 1, 2), ((2, 3, 8), 4, 1, 0, 3),
        ((1,), 1, 1, 0, 2), ((2, 3, 8), 8, 1, 0, 5), ((2, 2, 6), 2, 16, 1, 3), ((2, 2, 6), 3, 22, 1, 2),
        ((5, 5), 1, 1, 0, 4), ((3, 3, 64), 64, 1, 0, 3), ((3, 3, 64), 16, 1, 0, 2), ((3, 3, 4), 4, 18, 1, 5),
        ((7,), 7, 9, 0, 2), ((7,), 1, 9, 0, 6), ((2, 2, 33), 33, 1, 0, 2), ((2, 2, 33), 11, 3, 0, 3),
        ((100,), 50, 1, 0, 2), ((9, 9, 1), 1, 8, 0, 8), ((4, 4, 2), 2, 32, 1, 2), ((4, 4, 2), 1, 32, 0, 3),
    ]  # fmt: skip
    names = ("in_shape", "pe", "bits", "signed", "readers")
    return from_points(cls, "fork", names, points)
