"""Instances of SignMvu of bits for the conformance tests."""

from .drawn import seeded


def examples(cls):
    """Folds of 1, odd sizes, wide words, block memories, raw counts."""
    points = [  # mw, mh, simd, pe, vectors, raw
        (1, 1, 1, 1, 5, False), (1, 1, 1, 1, 5, True), (8, 1, 1, 1, 3, False), (8, 1, 8, 1, 6, False),
        (8, 4, 8, 4, 6, False), (8, 4, 8, 4, 6, True), (9, 6, 3, 2, 3, False), (9, 6, 1, 3, 2, True),
        (9, 5, 9, 1, 3, False), (15, 4, 5, 2, 2, True), (27, 16, 9, 4, 4, False), (16, 16, 2, 16, 4, False),
        (24, 10, 24, 10, 5, True), (36, 12, 12, 4, 3, False), (49, 7, 7, 7, 3, False),
        (64, 64, 16, 4, 2, False), (64, 32, 64, 1, 2, False), (100, 10, 4, 1, 1, True),
        (100, 3, 50, 3, 4, False), (144, 4, 48, 2, 4, False), (192, 8, 192, 1, 3, False),
        (256, 4, 128, 4, 4, True), (288, 6, 96, 3, 3, False), (576, 4, 576, 2, 2, False),
        (20, 260, 20, 1, 1, False),  # thresholds in block RAM
        (160, 2, 1, 1, 2, False),  # input buffer in block RAM
        (40, 5, 40, 5, 4, False),  # wired weights, four rows and one
        (100, 8, 100, 8, 5, False), (72, 7, 72, 7, 3, False), (23, 10, 23, 10, 6, False),
    ]  # fmt: skip
    made = [seeded(cls, seed, *point) for seed, point in enumerate(points)]
    made += [seeded(cls, 90, 64, 32, 8, 8, rom=rom) for rom in ("block", "logic")]
    return [
        *made,
        seeded(cls, 91, 36, 12, 12, 4, 3, rom="block"),
        seeded(cls, 92, 100, 10, 4, 1, raw=True, rom="block"),
        seeded(cls, 93, 36, 12, 4, 2, 3, rom="block", rom_rows=8),  # 54 words in columns of 8
        seeded(cls, 94, 16, 8, 4, 1, 3, raw=True, rom="block", rom_rows=16),  # two whole columns
        seeded(cls, 95, 9, 1, 1, 1, 4, rom="block", rom_rows=2),
        seeded(cls, 96, 64, 32, 8, 8, rom="block", rom_rows=64),  # one column
        seeded(cls, 97, 12, 288, 2, 1, 1, rom="columns"),  # 1,728 words
        seeded(cls, 98, 36, 144, 4, 1, 1, raw=True, rom="columns"),  # 1,296
        seeded(cls, 97, 24, 6, 24, 1, 3, starts="block"),  # a pass per beat
        seeded(cls, 98, 36, 12, 12, 4, 3, starts="block"),
        seeded(cls, 99, 20, 260, 20, 1, 1, starts="logic"),
        *_many(cls),
    ]


def _many(cls):
    """Several vectors at a time: few rows and many, all in one beat, wide results, memories of all kinds."""
    points = [  # mw, mh, pe, pixels, vectors, raw
        (9, 2, 2, 2, 4, False), (12, 6, 3, 3, 6, False), (18, 20, 5, 5, 5, False), (36, 16, 16, 4, 8, False),
        (27, 12, 4, 2, 6, True), (64, 32, 8, 7, 14, False), (90, 24, 24, 24, 48, False),
    ]  # fmt: skip
    made = [
        seeded(cls, 200 + seed, mw, mh, mw, pe, vectors, raw, pixels=pixels)
        for seed, (mw, mh, pe, pixels, vectors, raw) in enumerate(points)
    ]
    wide = 30, 40, 30, 10, 8
    return [
        *made, seeded(cls, 210, *wide, pixels=4, rom="block"),
        seeded(cls, 211, *wide, pixels=8, rom="block", rom_rows=64, starts="block"),
        seeded(cls, 212, *wide, pixels=2, rom="block", rom_rows=16),
        seeded(cls, 213, *wide, pixels=4, rom="logic", starts="block"),
    ]  # fmt: skip
