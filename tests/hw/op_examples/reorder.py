"""Instances of Reorder for the conformance tests, in lists by what they are priced as."""

from collections.abc import Sequence
from math import prod

import numpy as np

from xnorforge.hw.ops.reorder import lower, op

BLOCKS = [
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
# Operator of the integer graph, its settings; `before`, the settings, pe, bits, signed. Of a Permute a number
# in place of `places` is that of neighbours that are shuffled together.
POINTS = {
    "crop": ("Crop", "behind first group", [
        ((4, 4, 2), (2, 2, 2), (1, 1), 2, 1, 8, 0), ((4, 4, 2), (2, 2, 2), (1, 1), 2, 2, 8, 1),
        ((4, 4, 2), (4, 4, 2), (0, 0), 2, 1, 4, 0), ((5, 3, 4), (1, 3, 4), (4, 0), 4, 2, 1, 0),
        ((5, 3, 4), (5, 1, 4), (0, 2), 4, 4, 3, 1), ((5, 3, 4), (3, 2, 4), (0, 0), 4, 1, 1, 0),
        ((1, 7, 3), (1, 1, 3), (0, 3), 3, 1, 2, 0), ((7, 1, 3), (5, 1, 3), (2, 0), 3, 3, 10, 1),
        ((6,), (1,), (0,), 1, 1, 8, 0), ((6,), (1,), (5,), 1, 1, 8, 0), ((6,), (4,), (2,), 2, 1, 8, 0),
        ((6,), (4,), (2,), 2, 2, 8, 1), ((70,), (64,), (0,), 2, 2, 8, 0), ((70,), (6,), (64,), 2, 1, 8, 0),
        ((1,), (1,), (0,), 1, 1, 5, 0), ((96,), (64,), (32,), 32, 32, 1, 0),
        ((96,), (32,), (0,), 32, 8, 4, 1),
        ((9, 9, 1), (8, 8, 1), (1, 0), 1, 1, 8, 0), ((9, 9, 1), (8, 8, 1), (0, 1), 1, 1, 72, 1),
        ((2, 2, 64), (1, 1, 64), (1, 1), 64, 64, 1, 0), ((3, 8, 5), (3, 4, 5), (0, 2), 5, 5, 6, 1),
    ]),
    "upsample": ("Upsample", "factors", [
        ((3, 4, 4), (2, 2), 4, 1, 0), ((3, 4, 4), (2, 2), 2, 1, 0), ((3, 4, 4), (2, 2), 1, 8, 1),
        ((2, 3, 6), (2, 2), 2, 5, 1), ((2, 3, 6), (3, 2), 6, 4, 0), ((2, 5, 3), (2, 3), 1, 2, 1),
        ((3, 3, 2), (4, 4), 2, 8, 0), ((4, 3, 2), (1, 2), 2, 3, 0), ((4, 3, 2), (1, 2), 1, 3, 1),
        ((4, 3, 6), (1, 3), 2, 1, 0), ((4, 3, 2), (2, 1), 2, 7, 1), ((4, 3, 6), (3, 1), 2, 1, 0),
        ((4, 1, 2), (2, 1), 2, 6, 0), ((4, 1, 2), (2, 2), 2, 6, 0), ((1, 5, 4), (1, 4), 4, 1, 0),
        ((1, 1, 1), (2, 2), 1, 1, 0), ((1, 1, 6), (5, 3), 3, 2, 0), ((3, 3, 4), (1, 1), 4, 4, 1),
        ((3, 3, 4), (1, 1), 1, 4, 1), ((1, 7, 1), (2, 1), 1, 16, 1), ((2, 2, 40), (2, 2), 40, 1, 0),
        ((2, 9, 3), (3, 3), 1, 9, 1), ((5, 2, 2), (2, 5), 1, 1, 0),
    ]),
    "depth_to_space": ("DepthToSpace", "block size", [
        ((h, w, rows * columns * c), (rows, columns), (h * rows - less, w * columns - fewer), *rest)
        for (h, w), c, (rows, columns), (less, fewer), *rest in BLOCKS
    ]),
    "permute": ("Permute", "behind places", [
        ((6,), (6,), 1, 1, 1, 0), ((6,), (6,), 2, 1, 3, 1), ((6,), (6,), 3, 3, 8, 0),
        ((1,), (1,), 1, 1, 4, 0), ((2,), (2,), 1, 1, 1, 0), ((2,), (2,), 2, 2, 9, 1),
        ((3, 4, 2), (24,), 1, 1, 2, 0), ((3, 4, 2), (24,), 2, 2, 2, 1), ((24,), (3, 4, 2), 2, 1, 5, 0),
        ((3, 4, 6), (4, 3, 6), 6, 3, 1, 0), ((3, 4, 6), (6, 3, 4), 2, 2, 1, 0),
        ((1, 9, 3), (1, 3, 9), 3, 1, 7, 1), ((5, 5, 4), (100,), 4, 4, 1, 0), ((100,), (5, 5, 4), 4, 2, 6, 1),
        ((7, 1, 3), (3, 7, 1), 1, 1, 16, 1), ((64,), (64,), 1, 1, 1, 0), ((64,), (64,), 8, 8, 1, 0),
        ((128,), (128,), 2, 2, 3, 0), ((8, 8, 8), (512,), 8, 8, 1, 0), ((600,), (600,), 2, 1, 2, 0),
        ((3,), (3,), 1, 1, 40, 1), ((16, 16, 2), (512,), 1, 1, 8, 0), ((4, 4, 10), (4, 4, 10), 10, 5, 70, 1),
        ((6,), (4,), [5, 0, 0, 3], 1, 3, 0), ((3, 2), (3, 2), [4, 5, 4, 5, 0, 1], 2, 5, 1),
        ((9,), (3,), [0, 2, 8], 1, 1, 0), ((2, 6), (4, 2), [5, 1, 0, 4, 11, 7, 6, 10], 1, 2, 0),
        ((5,), (42,), [0, 1, 1, 2, 4, 3] * 7, 1, 4, 1),
    ]),
}  # fmt: skip


def moved(kind: str, before: Sequence[int], **settings) -> dict:
    """Attributes and the order of what an operator of the integer graph does."""
    places = lower.MOVES[kind](np.arange(prod(before)).reshape(1, *before), settings)[0]
    attributes, arrays = op.reorder_of(before, places)
    return attributes | arrays


def made(name: str, kind: str, before: Sequence[int], settings: dict, **folding) -> op.Reorder:
    given = moved(kind, before, **settings) | folding
    return op.Reorder.make(name, {"order": given.pop("order")}, **given)


def examples(name: str) -> list[op.Reorder]:
    found, (kind, names, points) = [], POINTS.get(name, ("", "", []))
    for index, (before, *given, pe, bits, signed) in enumerate(points):
        settings = dict(zip(names.split(), given))
        if isinstance(many := settings.get("places"), int):
            order = np.random.default_rng(index).permutation(prod(before) // many)[:, None]
            settings["places"] = (order * many + np.arange(many)).ravel()
        found.append(made(f"{name}_{index}", kind, before, settings, pe=pe, bits=bits, signed=signed))
    return found
