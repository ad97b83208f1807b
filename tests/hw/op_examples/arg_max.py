"""Instances of ArgMax for the conformance tests."""

# The largest offset, or None; few bits make many equal keys.
NAMES = "in_shape pe in_bits in_signed shift largest"
POINTS = [
    ((4, 5, 11), 1, 9, 1, 0, None), ((4, 5, 11), 11, 9, 1, 0, None), ((4, 5, 12), 4, 9, 1, 0, None),
    ((4, 5, 11), 1, 9, 1, 1, 700), ((4, 5, 11), 11, 9, 1, 1, 700), ((4, 5, 12), 3, 9, 1, 2, 900),
    ((3, 3, 8), 2, 2, 0, 0, None), ((3, 3, 8), 8, 2, 1, 0, None), ((3, 3, 8), 1, 1, 0, 0, None),
    ((3, 3, 8), 4, 1, 0, 1, 1), ((2, 7, 2), 1, 6, 0, 0, None), ((2, 7, 2), 2, 6, 0, 0, 5),
    ((5, 2, 1), 1, 4, 1, 0, None), ((1, 1, 16), 1, 4, 0, 0, 3), ((1, 1, 17), 17, 3, 1, 3, 20),
    ((6, 1, 33), 3, 4, 1, 0, None), ((1, 6, 33), 11, 4, 0, 2, 17), ((9, 9, 3), 1, 16, 1, 0, 20000),
    ((9, 9, 3), 3, 16, 1, 4, 300000), ((2, 2, 80), 5, 8, 1, 0, 90), ((10,), 2, 5, 1, 0, None),
    ((3, 4, 6), 6, 12, 0, 0, 4000), ((3, 4, 6), 2, 3, 0, 16, 70000),
]  # fmt: skip


def arrays(at: dict, index: int, rng) -> dict:
    largest, at["levels"] = at.pop("largest"), 1 + index % 3
    return {} if largest is None else {"offset": rng.integers(-largest, largest + 1, at["in_shape"][-1])}
