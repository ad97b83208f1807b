"""Instances made of tables of attributes, and of random weights and thresholds."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from xnorforge.hw.streams import value_range


def from_points(cls, stem: str, names: Sequence[str], points: Iterable[Sequence[Any]]) -> list:
    """Operators without constants, `<stem>_0`, `<stem>_1`, …; a point has the values of `names`."""
    return [cls.make(f"{stem}_{i}", **dict(zip(names, point))) for i, point in enumerate(points)]


def seeded(cls, seed: int, mw: int, mh: int, simd: int, pe: int, vectors: int = 2, raw: bool = False,
           values: Sequence[int] | None = None, **attributes):  # fmt: skip
    """A matrix with random weights, of `values` if given, and, unless raw, thresholds near the middle, some
    always and some never met."""
    attributes |= {"mw": mw, "mh": mh, "simd": simd, "pe": pe, "vectors": vectors}
    attributes |= {"in_shape": [vectors, mw], "out_shape": [vectors, mh]}
    rng = np.random.default_rng(seed)
    shape = mw, mh
    weights = (
        random_weights(cls.make(**attributes), rng, shape) if values is None else rng.choice(values, shape)
    )
    arrays = {"weights": weights}
    if not raw:
        low, high = cls.make(arrays={"weights": weights}, **attributes).result_range()
        near = rng.normal((low + high) / 2, (high - low) / 8, mh).round()
        arrays["thresholds"] = np.select(
            [rng.random(mh) < 0.07, rng.random(mh) < 0.07, rng.random(mh) < 0.07], [low, high, high + 1], near
        ).astype(np.int64)
    return cls.make(arrays=arrays, **attributes)


def random_weights(op, rng, shape) -> np.ndarray:
    """Weights over their whole range: signs times constants, pairs that fit one multiplier, or bits."""
    types = op.get_nodeattr_types()
    if "scale_bits" in types:
        run, bits = (op.get_nodeattr(key) for key in ("run", "scale_bits"))
        sizes = rng.integers(1, 2**bits, shape[0] // run).repeat(run)
        return rng.choice((-1, 1), shape) * sizes[:, None]
    if "w_bits" in types:
        low, high = value_range(op.weight_bits, True)
        return rng.integers(low + op.get_nodeattr("dsp"), high + 1, shape)
    return rng.integers(0, 2, shape)
