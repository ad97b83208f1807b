"""A PReLU whose result is rounded down to many levels: two shifts take the place of a threshold per level.

Before:  leaf n -> chain that ends in a PReLU -> quantiser that rounds down
After:   leaf n -> Rectify
Why:     with |A| and the step of the levels a power of two apart, slopes in eighths, and -B/A a whole number,
         a level is n, shifted. Every threshold that the search found is compared with the one that the shifts
         imply, so exactness does not depend on this argument.
"""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.examples import random_leaf, random_shape, random_signs
from xnorforge.hw.lowering.registry import example, maker, meaning
from xnorforge.hw.lowering.values import Leaf, Value, append, of_leaf, signs_of
from xnorforge.hw.lowering.walk import Walk
from xnorforge.hw.ops.requantise.op import SLOPE_BITS

FEWEST = 8  # levels; fewer are cheaper as comparisons


@meaning("Rectify")
def rectify(x: np.ndarray, at: Record) -> np.ndarray:
    """PReLU of direction * x - offset, rounded down to steps of 2**shift, from -zero to levels - zero."""
    u = x * at["direction"] - at["offset"]
    bent = np.where(u < 0, u * at["slope"], u << SLOPE_BITS) >> at["shift"] + SLOPE_BITS
    return np.clip(bent + at["zero"], 0, at["levels"])


@maker("bent levels")
def bent_levels(
    walk: Walk, value: Value, leaf: Leaf, found: np.ndarray, direction: np.ndarray, scale, low, name: str
) -> Leaf | None:
    """The levels of a leaf, scale * (level + low), as a Rectify, or None if they do not have this form.

    Args:
        found, direction: thresholds (channels, steps) and direction (channels,) of the levels.
    """
    at = _shifts(value, leaf, found.shape[1], scale, low)
    if at is None or (at["direction"] != direction).any():
        return None
    ends = [leaf.lo * direction, leaf.hi * direction]
    never = np.maximum(*ends)[:, None] + 1
    if (np.clip(_steps(at), np.minimum(*ends)[:, None], never) != found).any():
        return None
    return walk.emit("Rectify", [leaf], leaf.shape, 0, at["levels"], name, leaf.layer, leaf.order, **at)


def _shifts(value: Value, leaf: Leaf, levels: int, scale, low) -> dict | None:
    """Constants of a Rectify for the chain's last step; None if no PReLU, or on no common grid."""
    if not len(value.chain) or value.chain[-1][0] != "prelu" or levels < FEWEST:
        return None
    *before, (_, slopes) = value.chain
    part = of_leaf(leaf, *value.start[1:], value.reach)
    for op, *given in before:
        part = append(part, op, *given)
    if part.terms is None:
        return None
    a, slope = part.single[1], slopes.astype(np.float64) * 2**SLOPE_BITS
    steps, lows = (np.broadcast_to(np.asarray(x, object), a.shape) for x in (scale, low))
    if not all(a) or (slope != np.rint(slope)).any() or (slope > 2**SLOPE_BITS).any():
        return None
    ratios, offsets = {s / abs(x) for s, x in zip(steps, a)}, [-b / abs(x) for x, b in zip(a, part.offset)]
    ratio, zero = ratios.pop(), -lows[0]
    whole = [ratio, zero, *offsets]
    if ratios or any(x.denominator > 1 for x in whole) or any(lows + zero) or not 0 <= zero <= levels:
        return None
    return {
        "offset": whole_numbers(np.array([int(x) for x in offsets], object)),
        "slope": slope.astype(np.int64), "direction": signs_of(a),
        "shift": int(ratio).bit_length() - 1, "levels": levels, "zero": int(zero),
    }  # fmt: skip


def _steps(at: dict) -> np.ndarray:
    """The first direction * n of every level from 1 on, (channels, levels), unlimited; -2**60 for always."""
    level = np.arange(1, at["levels"] + 1) - at["zero"]
    slope, reach = at["slope"][:, None], level << at["shift"] + SLOPE_BITS
    below = np.where(slope > 0, -(-reach // np.maximum(slope, 1)), -(2**60))
    return np.where(level > 0, level << at["shift"], below) + at["offset"][:, None]


@example("Rectify")
def _rectified(rng):
    leaf, levels = random_leaf(rng, random_shape(rng)), int(rng.choice([8, 15, 255, 4095]))
    at = {
        "offset": rng.integers(leaf.lo - 2, leaf.hi + 3), "slope": rng.integers(0, 9, leaf.channels),
        "direction": random_signs(rng, leaf.channels), "shift": int(rng.integers(4)), "levels": levels,
        "zero": int(rng.integers(levels + 1)),
    }  # fmt: skip
    return [leaf], [("Rectify", at)]
