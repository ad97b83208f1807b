"""Integers that are too wide for a matrix, as digits: x = sum_k x_k 2**(k bits)."""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import example, maker, meaning
from xnorforge.hw.lowering.values import Leaf
from xnorforge.hw.lowering.walk import Walk


@meaning("Digit")
def digit(x: np.ndarray, at: Record) -> np.ndarray:
    """The bits from `shift` on, `bits` of them, without a sign; all of them, with it, where `bits` is 0."""
    return x >> at["shift"] & ((1 << at["bits"]) - 1 if at["bits"] else -1)


@maker("digits")
def _digits(walk: Walk, leaf: Leaf, most: int) -> list[tuple[int, Leaf]]:
    """The fewest digits of a leaf that have at most so many bits, and their weights, powers of two."""
    each = -(-leaf.bits // -(-leaf.bits // most))
    return [(1 << shift, _digit(walk, leaf, shift, each)) for shift in range(0, leaf.bits, each)]


def _digit(walk: Walk, leaf: Leaf, shift: int, bits: int) -> Leaf:
    last = shift + bits >= leaf.bits
    lo, hi = (end.astype(object) >> shift for end in (leaf.lo, leaf.hi))
    if not last:
        several, most = lo >> bits != hi >> bits, (1 << bits) - 1
        lo, hi = np.where(several, 0, lo & most), np.where(several, most, hi & most)
    low, high, name = whole_numbers(lo), whole_numbers(hi), f"{leaf.layer}_digit"
    at = {"shift": shift, "bits": 0 if last else bits}
    return walk.emit("Digit", [leaf], leaf.shape, low, high, name, leaf.layer, leaf.order, **at)


@example("Digit")
def _some_bits(rng):
    leaf = random_leaf(rng, random_shape(rng), 10)
    return [leaf], [("Digit", {"shift": int(rng.integers(9)), "bits": int(rng.integers(9))})]
