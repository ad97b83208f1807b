"""Instances of TopK for the conformance tests."""

from .drawn import from_points


def examples(cls):
    """(n, k, in_bits, in_signed); few bits make many ties. Then the scores of one pixel."""
    points = [
        (10, 1, 10, 0), (10, 1, 8, 1), (10, 1, 2, 0), (10, 1, 2, 1), (10, 5, 3, 0), (10, 5, 4, 1),
        (10, 10, 3, 1), (10, 10, 12, 0), (1, 1, 4, 0), (1, 1, 4, 1), (2, 1, 1, 0), (2, 2, 3, 1), (3, 2, 2, 0),
        (16, 3, 4, 0), (16, 3, 4, 1), (17, 2, 3, 1), (33, 1, 2, 0), (100, 5, 6, 1), (100, 5, 6, 0),
        (7, 6, 16, 1), (5, 4, 20, 0), (64, 1, 1, 0), (10, 2, 64, 1), (7, 1, 70, 1),
    ]  # fmt: skip
    names = ("n", "k", "in_bits", "in_signed")
    pixels = [(10, 1, 8, 1, 1), (5, 2, 3, 0, 1)]
    whole = [(2, 3, 1), (2, 1, 0), (3, 2, 0), (5, 8, 1), (10, 10, 0), (10, 12, 1), (17, 4, 1), (64, 1, 0)]
    whole = [(n, 1, bits, signed, n) for n, bits, signed in [*whole, (7, 70, 1)]]
    steps = [
        (5, 1, 8, 1, 5, 2), (5, 1, 8, 1, 5, 3), (17, 1, 4, 0, 17, 2), (17, 1, 4, 1, 17, 3),
        (2, 1, 3, 0, 2, 4),
    ]  # fmt: skip
    return [
        *from_points(cls, "top_k", names, points), *from_points(cls, "top_1", (*names, "pe"), whole),
        *from_points(cls, "top_1_steps", (*names, "pe", "levels"), steps),
        *from_points(cls, "top_k_pixel", (*names, "pixel"), pixels),
    ]  # fmt: skip
