"""Instances of Interact for the conformance tests."""

from typing import Any

import numpy as np


def examples(cls):
    """One beat and several per group, groups of one and odd ones, both outputs, both inputs, both forms."""
    few, all_ = (3, 5), (3, 5, 11)
    points: list[tuple[Any, ...]] = [  # shape, g, pe, n0, density, sizes, further attributes
        ((2, 3, 16), 16, 16, 288, 0.1, few, {}), ((2, 3, 16), 16, 16, 288, 0.1, few, {"raw": True}),
        ((2, 3, 16), 16, 4, 288, 0.1, few, {}), ((2, 3, 16), 16, 4, 288, 0.1, few, {"raw": True}),
        ((2, 3, 16), 16, 1, 288, 0.1, few, {}), ((2, 2, 32), 16, 32, 576, 0.05, few, {}),
        ((2, 2, 64), 16, 16, 576, 0.1, few, {}), ((2, 2, 64), 16, 8, 576, 0.03, few, {}),
        ((2, 2, 64), 16, 2, 576, 0.1, few, {}), ((2, 2, 64), 16, 1, 576, 0.1, few, {"unit": 5}),
        ((2, 2, 48), 16, 24, 144, 0.1, few, {}),  # neither divides the other
        ((2, 2, 12), 6, 4, 144, 0.3, all_, {"raw": True}), ((12,), 4, 2, 20, 0.4, all_, {}),
        ((12,), 4, 6, 20, 0.4, all_, {"unit": 3}),
        ((6,), 6, 6, 11, 0.6, all_, {"in_bits": 6}),  # counts beyond n0
        ((6,), 6, 2, 2, 0.6, all_, {"in_bits": 3}),  # several steps of the stair at once
        ((3, 9), 9, 3, 100, 0.3, all_, {"form": "adder", "unit": 3}),
        ((3, 9), 9, 3, 100, 0.3, all_, {"form": "table", "unit": 3}),
        ((3, 9), 9, 9, 100, 0.3, (7, 9), {"form": "adder"}),
        ((3, 9), 9, 1, 100, 0.3, (7, 9), {"raw": True, "unit": 4}),
        ((2, 2, 8), 8, 8, 60, 0.3, all_, {"matches": 0, "extent": 25}),
        ((2, 2, 8), 8, 2, 60, 0.3, all_, {"matches": 0, "raw": True}),
        ((2, 2, 8), 4, 2, 60, 0.3, all_, {"matches": 0, "form": "adder", "in_bits": 9}),
        ((2, 2, 8), 8, 1, 7, 0.3, few, {"matches": 0, "in_bits": 4}),
        ((2, 5, 8), 8, 4, 60, 0.0, few, {}),  # no edge
        ((2, 5, 8), 8, 8, 60, 0.0, few, {"raw": True}), ((5, 3), 1, 1, 9, 0.0, few, {}),
        ((5, 1), 1, 1, 9, 0.0, few, {"raw": True}),
        ((2, 8), 8, 4, 95, 0.2, (3,), {}),  # the low bits of no cut matter
        ((2, 128), 16, 2, 1152, 0.02, few, {}), ((2, 20), 10, 5, 250, 1.0, all_, {}),  # every edge there is
        ((4, 10), 5, 10, 3, 0.5, few, {"unit": 1}),
        ((2, 2, 32), 16, 8, 576, 0.1, (3,), {"extent": 120, "unit": 27}),
    ]  # fmt: skip
    return [seeded(cls, seed, *point, **more) for seed, (*point, more) in enumerate(points)]


def seeded(
    cls, seed: int, shape, g: int, pe: int, n0: int, density: float, sizes, raw=False, **attributes: Any
):
    """A random graph over K in +-`sizes` and thresholds near the middle, some always and some never met."""
    rng = np.random.default_rng(seed)
    groups = shape[-1] // g
    influence = rng.choice([k for size in sizes for k in (size, -size)], (groups, g, g))
    influence *= (rng.random(influence.shape) < density) & ~np.eye(g, dtype=bool)
    arrays = {"influence": influence}
    attributes = {
        "in_bits": n0.bit_length() + (not attributes.get("matches", 1)), "unit": -(-n0 // 100),
    } | attributes  # fmt: skip
    attributes |= {"in_shape": shape, "pe": pe, "n0": n0}
    if not raw:
        low, high = cls.make(arrays=arrays, **attributes).result_range()
        near = rng.normal(0, n0 / 4, shape[-1]).round().astype(np.int64)
        draw = rng.random(shape[-1])
        arrays["thresholds"] = np.select(
            [draw < 0.07, draw < 0.14, draw < 0.2], [low - 9, low, high + 1], near
        )
        if seed % 2:
            arrays["direction"] = rng.choice([-1, 1], shape[-1])
    return cls.make(f"interact_{seed}", arrays, **attributes)
