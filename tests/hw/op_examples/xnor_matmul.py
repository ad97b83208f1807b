"""Instances of XnorMatmul for the conformance tests."""


def examples(cls):
    """(mw, mh, vectors, simd, pe)"""
    points = [
        (8, 4, 3, 4, 2), (8, 4, 3, 8, 2), (8, 4, 3, 4, 4), (8, 4, 3, 8, 4), (8, 4, 1, 2, 2), (8, 4, 1, 8, 1),
        (6, 6, 2, 1, 1), (6, 6, 5, 3, 2), (6, 6, 5, 2, 3), (6, 6, 4, 6, 6), (1, 1, 1, 1, 1), (1, 3, 2, 1, 1),
        (5, 1, 7, 1, 1), (5, 1, 7, 5, 1), (24, 8, 9, 8, 4), (24, 8, 2, 24, 2), (72, 4, 6, 36, 2),
        (72, 6, 9, 12, 3), (40, 5, 16, 20, 5), (33, 3, 8, 11, 1), (64, 2, 49, 32, 2), (12, 10, 1, 4, 5),
    ]  # fmt: skip
    names = ("mw", "mh", "vectors", "simd", "pe")
    return [cls.make(f"xnor_matmul_{k}", **dict(zip(names, point))) for k, point in enumerate(points)]
