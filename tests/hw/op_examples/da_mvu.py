"""Instances of DaMvu for the conformance tests."""

from typing import Any

import numpy as np

from xnorforge.hw.streams import value_range


def examples(cls):
    """Bits and integers, +-1 and more, one to 1,152 weights, sparse ones, sums and bits, no sum at all."""
    points: list[tuple[Any, ...]] = [  # mw, mh, raw, bits, signed, w_bits, vectors, sparse
        (1, 1, False), (1, 1, True), (2, 1, True, 8, 1), (2, 3, False, 1, 0, 1, 6), (8, 8, False),
        (8, 8, True, 1, 0, 1, 5), (9, 16, False, 1, 0, 1, 4), (9, 4, True, 8), (27, 8, False, 8),
        (27, 4, True, 8, 1), (16, 10, True), (64, 4, False), (64, 10, True), (100, 3, False), (288, 4, False),
        (12, 5, False, 2, 1), (12, 5, True, 4, 0), (9, 6, False, 12, 1), (6, 3, True, 16, 1, 4),
        (9, 6, True, 8, 0, 8), (16, 8, False, 4, 0, 4), (25, 4, True, 1, 0, 3), (25, 8, False, 1, 0, 8),
        (32, 8, True, 4, 1, 2, 3, 0.5), (24, 6, False, 1, 0, 2, 3, 0.7),
        (4, 8, True, 3, 0, 2, 3, 0.9),  # columns and inputs of zeros alone
    ]  # fmt: skip
    found = [seeded(cls, seed, *point) for seed, point in enumerate(points)]
    sooner = [other for op in (found[7], found[11], found[14], found[24]) for other in op.sooner(9)]
    return found + [named(op, f"{op.name}_in_{op.latency()}") for op in sooner]


def named(op, name: str):
    """The same operator with another name."""
    op.onnx_node.name = name
    return op


def seeded(cls, seed: int, mw: int, mh: int, raw: bool, bits=1, signed=0, w_bits=1, vectors=2, sparse=0.0):
    """An instance with random weights of `w_bits` bits (1: +-1), a part of them 0, and a bias; results as
    wide as they have to be, or thresholds, some always and some never met."""
    rng, name = np.random.default_rng(seed), f"da_mvu_{seed}"
    weights = rng.choice([-1, 1], (mw, mh)) if w_bits == 1 else rng.integers(*_half_open(w_bits), (mw, mh))
    weights *= rng.random((mw, mh)) >= sparse
    arrays = {"weights": weights, "bias": rng.integers(-9, 10, mh) * rng.integers(0, 2)}
    attributes = {"mw": mw, "mh": mh, "vectors": vectors, "in_shape": [vectors, mw],
                  "out_shape": [vectors, mh]}  # fmt: skip
    attributes |= {"in_bits": bits, "in_signed": signed, "w_bits": w_bits}
    wide = cls.make(name, arrays, **attributes, out_bits=31, out_signed=1)
    _, low, high = wide.checked_weights()
    if raw:
        least, greatest = int(low.min()), int(high.max())
        attributes["out_signed"] = int(least < 0)
        attributes["out_bits"] = max((-least - 1).bit_length(), greatest.bit_length(), 1) + (least < 0)
    else:
        near = rng.normal((low + high) / 2, 1 + (high - low) / 8).round()
        arrays["thresholds"] = np.choose(
            rng.integers(0, 12, mh).clip(0, 3), [low, high, high + 1, near]
        ).astype(int)
    return cls.with_adders(name, arrays, **attributes)


def _half_open(bits: int) -> tuple[int, int]:
    low, high = value_range(bits, True)
    return low, high + 1
