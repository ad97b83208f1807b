"""Instances of DepthToSpace for the conformance tests."""

from .drawn import from_points


def examples(cls):
    """(H, W, C', block, what is left out, pe, bits, signed)"""
    points = [
        ((3, 4), 4, (2, 2), (0, 0), 4, 1, 0), ((3, 4), 4, (2, 2), (0, 0), 2, 1, 0),
        ((3, 4), 4, (2, 2), (0, 0), 1, 8, 1), ((2, 3), 6, (2, 2), (1, 1), 2, 5, 1),
        ((2, 3), 6, (3, 2), (2, 0), 6, 4, 0), ((2, 5), 3, (2, 3), (1, 2), 1, 2, 1),
        ((3, 3), 2, (4, 4), (3, 3), 2, 8, 0), ((4, 3), 2, (1, 2), (0, 1), 2, 3, 0),
        ((4, 3), 2, (1, 2), (0, 0), 1, 3, 1), ((4, 3), 6, (1, 3), (0, 2), 2, 1, 0),
        ((4, 3), 2, (2, 1), (0, 0), 2, 7, 1), ((4, 3), 6, (3, 1), (1, 0), 2, 1, 0),
        ((4, 1), 2, (2, 1), (1, 0), 2, 6, 0), ((4, 1), 2, (2, 2), (0, 1), 2, 6, 0),
        ((1, 5), 4, (1, 4), (0, 0), 4, 1, 0), ((1, 1), 1, (2, 2), (0, 0), 1, 1, 0),
        ((1, 1), 6, (5, 3), (4, 2), 3, 2, 0), ((3, 3), 4, (1, 1), (0, 0), 4, 4, 1),
        ((3, 3), 3, (2, 2), (0, 1), 1, 17, 1), ((1, 7), 1, (2, 1), (0, 0), 1, 16, 1),
        ((2, 2), 40, (2, 2), (0, 0), 40, 1, 0), ((2, 9), 3, (3, 3), (1, 0), 1, 9, 1),
        ((5, 2), 2, (2, 5), (1, 4), 1, 1, 0), ((6, 8), 8, (2, 2), (0, 0), 8, 70, 1),
    ]  # fmt: skip
    names, found = ("ifm", "block", "out_shape", "pe", "bits", "signed"), []
    for (height, width), channels, (rows, columns), (less, fewer), *rest in points:
        ifm = (height, width, rows * columns * channels)
        shape = (height * rows - less, width * columns - fewer, channels)
        found.append((ifm, (rows, columns), shape, *rest))
    return from_points(cls, "depth_to_space", names, found)
