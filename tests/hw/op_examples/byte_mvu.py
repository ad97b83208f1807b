"""Instances of SignMvu of integers for the conformance tests."""

from .drawn import seeded


def examples(cls):
    """Folds of 1, odd and even lanes, signed inputs, two to twelve bits, raw sums."""
    points = [  # mw, mh, simd, pe, vectors, raw, bits, signed
        (1, 1, 1, 1, 5, False, 8, 0), (1, 1, 1, 1, 5, True, 8, 1), (2, 3, 1, 1, 3, True, 8, 0),
        (2, 3, 2, 3, 6, False, 8, 0), (3, 1, 3, 1, 6, False, 8, 0), (3, 2, 3, 2, 4, True, 8, 1),
        (4, 4, 4, 1, 3, False, 8, 0), (5, 3, 5, 3, 3, True, 8, 0), (9, 6, 3, 2, 3, False, 8, 1),
        (9, 6, 9, 6, 4, False, 8, 0), (9, 6, 1, 3, 2, True, 8, 0), (12, 4, 6, 2, 3, False, 8, 1),
        (14, 4, 7, 4, 3, True, 8, 1), (16, 8, 16, 8, 4, False, 8, 0), (27, 16, 3, 16, 4, False, 8, 0),
        (27, 8, 9, 2, 2, True, 8, 0), (27, 6, 27, 1, 2, False, 8, 1), (40, 5, 20, 5, 2, True, 8, 0),
        (49, 4, 7, 4, 2, False, 8, 0), (64, 3, 32, 1, 2, True, 8, 1), (10, 4, 5, 2, 3, False, 2, 0),
        (10, 4, 2, 4, 3, True, 2, 1), (12, 5, 4, 5, 3, False, 4, 1), (21, 3, 7, 1, 2, True, 12, 0),
        (6, 260, 6, 1, 1, False, 8, 0),  # thresholds in block RAM
    ]  # fmt: skip
    made = []
    for seed, (mw, mh, simd, pe, vectors, raw, bits, signed) in enumerate(points):
        made.append(seeded(cls, seed, mw, mh, simd, pe, vectors, raw, in_bits=bits, in_signed=signed))
    made += [seeded(cls, 90, 27, 16, 3, 4, rom=rom, in_bits=8) for rom in ("block", "logic")]
    return [*made, seeded(cls, 91, 27, 16, 3, 4, rom="block", rom_rows=16, in_bits=8)]
