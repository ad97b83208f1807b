"""Instances of XnorMatmul for the conformance tests."""


def examples(cls):
    """(mw, mh, vectors, simd, pe); of integers also (in_bits, in_signed, w_bits, dsp), and rounds."""
    points = [
        (8, 4, 3, 4, 2), (8, 4, 3, 8, 2), (8, 4, 3, 4, 4), (8, 4, 3, 8, 4), (8, 4, 1, 2, 2), (8, 4, 1, 8, 1),
        (6, 6, 2, 1, 1), (6, 6, 5, 3, 2), (6, 6, 5, 2, 3), (6, 6, 4, 6, 6), (1, 1, 1, 1, 1), (1, 3, 2, 1, 1),
        (5, 1, 7, 1, 1), (5, 1, 7, 5, 1), (24, 8, 9, 8, 4), (24, 8, 2, 24, 2), (72, 4, 6, 36, 2),
        (72, 6, 9, 12, 3), (40, 5, 16, 20, 5), (33, 3, 8, 11, 1), (64, 2, 49, 32, 2), (12, 10, 1, 4, 5),
        (6, 4, 3, 3, 2, 8, 1, 8, 1), (16, 10, 1, 2, 1, 8, 1, 6, 1, 3), (9, 6, 4, 9, 2, 4, 0, 3, 0, 2),
        (8, 4, 5, 4, 4, 1, 0, 8, 0), (10, 4, 2, 5, 1, 8, 0, 2, 0), (24, 6, 3, 4, 2, 1, 0, 1, 0, 4),
    ]  # fmt: skip
    names = ("mw", "mh", "vectors", "simd", "pe", "in_bits", "in_signed", "w_bits", "dsp", "rounds")
    made = [dict(zip(names, point)) for point in points]
    for one in made:
        one["out_bits"] = one["mw"].bit_length() + one.get("in_bits", 1) + one.get("w_bits", 1)
    return [cls.make(f"xnor_matmul_{k}", **one) for k, one in enumerate(made)]
