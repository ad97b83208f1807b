"""Instances of Fifo for the conformance tests."""

from .drawn import from_points


def examples(cls):
    """(shape, lanes, bits, signed, depth, kind)"""
    points = [
        ((12,), 1, 8, 0, 1, "auto"), ((12,), 1, 8, 0, 2, "auto"), ((12,), 2, 8, 1, 3, "auto"),
        ((12,), 3, 4, 0, 4, "auto"), ((12,), 4, 1, 0, 5, "auto"), ((24,), 1, 2, 1, 6, "lut"),
        ((24,), 2, 3, 0, 7, "lut"), ((24,), 1, 16, 0, 8, "lut"), ((3, 3, 8), 8, 1, 0, 9, "auto"),
        ((3, 3, 8), 4, 1, 0, 16, "auto"), ((3, 3, 8), 2, 1, 0, 17, "lut"), ((3, 3, 8), 1, 1, 0, 31, "lut"),
        ((3, 3, 8), 8, 2, 0, 32, "auto"), ((4, 4, 4), 1, 2, 0, 33, "auto"), ((4, 4, 4), 1, 8, 1, 64, "auto"),
        ((4, 4, 4), 2, 9, 0, 65, "block"), ((4, 4, 4), 4, 9, 0, 100, "block"), ((8, 40), 40, 1, 0, 2, "auto"),
        ((8, 40), 40, 1, 0, 12, "block"), ((8, 72), 72, 1, 0, 20, "auto"), ((100,), 1, 1, 0, 512, "block"),
        ((600,), 1, 20, 0, 520, "auto"), ((3,), 3, 5, 0, 4, "auto"),
    ]  # fmt: skip
    names = ("shape", "lanes", "bits", "signed", "depth", "kind")
    return from_points(cls, "fifo", names, points)
