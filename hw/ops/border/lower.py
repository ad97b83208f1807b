"""What depends on the place: convolutions of -1 and +1 inside a border of zeros, whose taps add nothing, and
sums whose border lies between the integers of their input.

A border of value v around values A n + B is the integer (v - B) / A. Where that is none, or another one in
every channel, the convolution reads an integer that there is, b, and each tap beyond the image adds
w * ((v - B) / A - b) less than it should. Which taps these are depends on the row and the column of the
output alone: so q * sum + table[row, column, channel] is exact, with q the common denominator.
"""

from math import gcd, lcm

import numpy as np

from xnorforge.core.types import Ints, Record
from xnorforge.hw.any_width import plus, times, whole_numbers
from xnorforge.hw.lowering.examples import random_conv, random_image, random_leaf, random_pads, random_windows
from xnorforge.hw.lowering.integers import conv
from xnorforge.hw.lowering.registry import NEGATABLE, example, maker, meaning
from xnorforge.hw.lowering.values import Leaf
from xnorforge.hw.lowering.walk import Walk
from xnorforge.hw.ops.border.offsets import offsets


@meaning("SignedConv")
def signed_conv(x: np.ndarray, at: Record) -> np.ndarray:
    """Bits read as -1 and +1, zeros around them: the taps beyond the border add nothing."""
    top, left, bottom, right = at["pads"]
    return conv(np.pad(2 * x - 1, ((0, 0), (top, bottom), (left, right), (0, 0))), at)


NEGATABLE["SignedConv"] = "weights"


@meaning("ByPlace")
def _by_place(x, at):
    """factors[row, column] * x + table[row, column, channel], by the classes of rows and columns."""
    places = np.ix_(at["rows"], at["columns"])
    factors, table = whole_numbers(at["factors"])[places], whole_numbers(at["table"])[places]
    return plus(times(x, factors[..., None]), table)


def everywhere(leaf: Leaf, factor: int) -> tuple[list[int], list[int], np.ndarray, np.ndarray]:
    """Rows, columns, factors and table of a factor that is the same at every place."""
    height, width, channels = leaf.shape
    return [0] * height, [0] * width, np.array([[factor]], object), np.zeros((1, 1, channels), object)


@maker("by place")
def by_place(
    walk: Walk, leaf: Leaf, rows: list[int], columns: list[int], factors: np.ndarray, table: np.ndarray
) -> Leaf:
    """Emit whole factors (classes of rows, classes of columns) > 0 and a table (…, …, C) by place."""
    if (factors == 1).all() and not table.any():
        return leaf
    ends = [factors[..., None] * end.astype(object) + table for end in (leaf.lo, leaf.hi)]
    low, high = ends[0].min((0, 1)), ends[1].max((0, 1))
    return walk.emit(
        "ByPlace", [leaf], leaf.shape, low, high, f"{leaf.layer}_place", leaf.layer,
        rows=rows, columns=columns, factors=whole_numbers(factors), table=whole_numbers(table),
    )  # fmt: skip


@maker("beyond")
def beyond(
    walk: Walk, leaf: Leaf, taps: np.ndarray, image: Ints, stride: Ints, dilation: Ints, pads: Ints
) -> tuple[Leaf, int]:
    """Add what taps beyond the image lack.

    Args:
        leaf: the sums, (OH, OW, O).
        taps: what each tap lacks, fractions (kh, kw, O), in units of a sum.
        image: rows and columns without border; stride, dilation, pads: of the convolution.

    Returns:
        The leaf of `times` the corrected sums, and `times`.
    """
    times = lcm(*(share.denominator for share in taps.flat))
    whole = np.array([int(share * times) for share in taps.flat], object).reshape(taps.shape)
    rows, columns, table = offsets(whole, image, taps.shape[:2], stride, dilation, pads)
    common = gcd(times, *(int(x) for x in table.flat))
    factors = np.full(table.shape[:2], times // common, object)
    return by_place(walk, leaf, rows, columns, factors, table // common), times // common


@example("SignedConv")
def _padded(rng):
    windows = random_windows(rng)
    sizes = windows["kernel"], windows["dilation"]
    pads = random_pads(rng, *sizes)
    leaf = random_image(rng, *sizes, pads, bits=1)
    at = random_conv(rng, leaf, windows)
    return [leaf], [("SignedConv", at | {"pads": pads, "xnor": False})]


@example("ByPlace")
def _placed(rng):
    """One factor everywhere half of the time."""
    leaf = random_leaf(rng)
    classes = [int(n) for n in rng.integers(1, 4, 2)]
    factors = np.broadcast_to(rng.integers(1, 9, classes if rng.random() < 0.5 else (1, 1)), classes)
    rows, columns = (rng.integers(0, n, side).tolist() for n, side in zip(classes, leaf.shape))
    table = rng.integers(-300, 301, (*classes, leaf.channels))
    return [leaf], [("ByPlace", {"rows": rows, "columns": columns, "factors": factors, "table": table})]
