"""Instances of Border for the conformance tests."""

from typing import Any

import numpy as np


def examples(cls):
    """(in_shape, pe, in_bits, in_signed, mul, out_bits, out_signed, classes by place, largest offset, rom)"""
    points: list[tuple[Any, ...]] = [
        ((5, 6, 4), 4, 6, 0, 1, 8, 1, 3, 3, 9, "auto"), ((5, 6, 4), 1, 6, 0, 1, 8, 1, 3, 3, 9, "auto"),
        ((5, 6, 4), 2, 6, 0, 2, 8, 1, 3, 3, 9, "block"), ((4, 4, 6), 3, 7, 1, 1, 8, 1, 2, 2, 20, "auto"),
        ((4, 4, 6), 2, 7, 1, 2, 9, 1, 2, 3, 20, "block"), ((7, 3, 3), 1, 8, 1, 1, 8, 1, 5, 3, 127, "auto"),
        ((3, 7, 3), 3, 8, 1, 1, 9, 1, 1, 4, 50, "auto"), ((6, 5, 2), 1, 5, 0, 2, 7, 1, 5, 1, 30, "logic"),
        ((1, 9, 4), 2, 4, 0, 1, 6, 1, 1, 3, 6, "auto"), ((9, 1, 4), 4, 4, 0, 1, 6, 1, 3, 1, 6, "auto"),
        ((1, 1, 5), 5, 6, 1, 2, 8, 1, 1, 1, 3, "auto"), ((1, 1, 1), 1, 3, 0, 1, 4, 1, 1, 1, 3, "auto"),
        ((5, 5, 3), 1, 10, 0, 1, 10, 0, 3, 3, 40, "auto"), ((5, 5, 3), 3, 10, 0, 1, 6, 0, 3, 3, 400, "auto"),
        ((4, 6, 2), 2, 3, 1, 1, 2, 1, 2, 2, 90, "auto"), ((6, 6, 40), 8, 9, 0, 2, 11, 1, 5, 5, 99, "auto"),
        ((6, 6, 12), 12, 9, 0, 2, 11, 1, 5, 5, 99, "auto"), ((8, 8, 16), 4, 8, 0, 1, 9, 1, 8, 8, 33, "block"),
        ((4, 4, 8), 2, 1, 0, 2, 5, 1, 2, 2, 7, "auto"), ((2, 3, 7), 7, 16, 1, 1, 17, 1, 2, 3, 3000, "auto"),
        ((3, 3, 24), 3, 6, 0, 2, 8, 1, 3, 3, 0, "auto"), ((13, 11, 2), 1, 12, 1, 1, 12, 1, 7, 5, 9, "logic"),
    ]  # fmt: skip
    found = []
    names = ("in_shape", "pe", "in_bits", "in_signed", "mul", "out_bits", "out_signed")
    for index, (*given, rows, columns, largest, rom) in enumerate(points):
        rng, (height, width, channels) = np.random.default_rng(index), given[0]
        table = rng.integers(-largest, largest + 1, (rows, columns, channels))
        places = {
            "rows": rng.integers(0, rows, height).tolist(),
            "columns": rng.integers(0, columns, width).tolist(),
        }
        attributes = dict(zip(names, given)) | places | {"rom": rom}
        found.append(cls.make(f"border_{index}", {"table": table}, **attributes))
    return [*found, *cls.scaled()]
