"""Instances of Correlate for the conformance tests."""

from .drawn import seeded


def examples(cls):
    """Folds of 1, a frame of one beat, words of less and of more than a piece, several rows, both kinds
    of memory.
    """
    points = [  # mw, mh, simd, pe, vectors
        (1, 1, 1, 1, 1),
        (1, 1, 1, 1, 5),
        (2, 1, 1, 1, 1),
        (8, 1, 8, 1, 1),
        (8, 1, 8, 1, 6),
        (9, 1, 3, 1, 4),
        (9, 6, 3, 2, 3),
        (15, 4, 5, 2, 2),
        (24, 10, 24, 10, 5),
        (31, 1, 31, 1, 3),
        (32, 1, 32, 1, 3),
        (33, 1, 33, 1, 3),
        (40, 3, 20, 3, 2),
        (64, 2, 64, 2, 3),
        (66, 1, 22, 1, 4),
        (96, 2, 48, 1, 2),
        (100, 1, 4, 1, 2),
        (128, 1, 1, 1, 1),
        (144, 1, 48, 1, 4),
        (192, 2, 96, 2, 2),
        (256, 1, 128, 1, 3),
        (512, 1, 128, 1, 4),
    ]
    made = [seeded(cls, seed, *point, raw=True) for seed, point in enumerate(points)]
    made += [seeded(cls, 90, 64, 2, 8, 1, 3, raw=True, ram=ram) for ram in ("block", "lut")]
    return [*made, seeded(cls, 91, 160, 1, 1, 1, 2, raw=True)]  # banks and input buffer in block RAM
