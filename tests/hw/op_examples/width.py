"""Instances of Width for the conformance tests."""

from .drawn import from_points


def examples(cls):
    """(shape, in_lanes, out_lanes, bits, signed)"""
    points = [
        ((12,), 1, 2, 1, 0), ((12,), 1, 3, 1, 0), ((12,), 1, 12, 1, 0), ((12,), 2, 4, 1, 0),
        ((12,), 3, 6, 8, 1), ((12,), 2, 1, 1, 0), ((12,), 3, 1, 1, 0), ((12,), 12, 1, 1, 0),
        ((12,), 4, 2, 1, 0), ((12,), 6, 3, 8, 1), ((12,), 4, 4, 3, 0), ((3, 3, 8), 8, 72, 1, 0),
        ((3, 3, 8), 72, 8, 1, 0), ((3, 3, 8), 2, 24, 1, 0), ((3, 3, 8), 24, 4, 1, 0), ((2, 2, 3), 1, 3, 8, 0),
        ((2, 2, 3), 3, 1, 8, 0), ((5, 64), 8, 64, 1, 0), ((5, 64), 64, 8, 1, 0), ((7, 5), 1, 5, 7, 1),
        ((7, 5), 5, 1, 7, 1), ((7, 5), 5, 35, 2, 0), ((4, 40), 40, 40, 1, 0),
    ]  # fmt: skip
    names = ("shape", "in_lanes", "out_lanes", "bits", "signed", "gap")
    gapped = [(*point, 1) for point in points if point[1] != point[2]]
    return from_points(cls, "width", names, [*((*point, 0) for point in points), *gapped])
