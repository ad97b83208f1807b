"""Instances of MaxPool for the conformance tests."""

import numpy as np

NAMES = "ifm kernel pe in_bits in_signed kind windows"
POINTS = [
    ((4, 4, 4), (2, 2), 4, 8, 0, 0), ((4, 4, 4), (2, 2), 1, 8, 1, 0), ((6, 4, 6), (2, 2), 3, 4, 1, 1),
    ((4, 6, 4), (2, 2), 2, 3, 0, 1), ((5, 5, 2), (2, 2), 2, 9, 1, 2), ((5, 5, 2), (2, 2), 1, 5, 0, 1),
    ((4, 7, 6), (2, 3), 2, 4, 0, 0), ((7, 8, 3), (3, 3), 1, 6, 1, 1), ((8, 7, 2), (3, 3), 2, 2, 1, 0),
    ((3, 3, 5), (3, 3), 5, 7, 0, 1), ((7, 7, 4), (7, 7), 4, 8, 1, 1), ((7, 7, 4), (7, 7), 2, 2, 0, 2),
    ((4, 4, 6), (4, 4), 1, 12, 1, 1), ((2, 2, 1), (2, 2), 1, 20, 1, 0), ((4, 6, 2), (1, 3), 1, 4, 1, 1),
    ((6, 4, 3), (2, 1), 3, 7, 0, 1), ((1, 8, 6), (1, 4), 6, 2, 1, 0), ((4, 3, 2), (1, 1), 1, 5, 1, 1),
    ((4, 4, 4), (2, 2), 2, 1, 0, 1), ((5, 4, 8), (2, 2), 8, 1, 0, 1), ((4, 4, 2), (2, 2), 1, 1, 0, 2),
    ((4, 4, 3), (2, 2), 1, 1, 1, 1), ((11, 2, 3), (3, 2), 1, 6, 0, 1),
    ((8, 1, 2), (4, 1), 1, 16, 1, 2), ((4, 4, 4), (2, 2), 2, 66, 1, 1),
]  # fmt: skip
WINDOWS = [((3, 4, 4), (3, 3), 2, 8, 1, 1), ((2, 5, 3), (2, 3), 3, 4, 0, 0), ((1, 1, 2), (4, 1), 1, 9, 1, 2)]
POINTS = [(*point, windows) for windows, some in enumerate((POINTS, WINDOWS)) for point in some]


def arrays(at: dict, index: int, rng) -> dict:
    """Directions by kind: none, mixed, all minima."""
    channels, kind, at["stride"] = at["ifm"][2], at.pop("kind"), at["kernel"]
    mixed = rng.permutation(np.where(np.arange(channels) % 2, 1, -1))
    return {"direction": [mixed, np.full(channels, -1)][kind - 1]} if kind else {}
