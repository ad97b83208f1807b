"""Channels become the pixels of a block: where a shuffle of pixels, which is a view, has to be an image.

What reads an image takes its elements row by row. A view that spreads channels over blocks of pixels is
brought there by the operator DepthToSpace, behind a choice of channels (`views.py`) where they do not lie as
ONNX's mode DCR has them. All channels that become one have the same value of an integer then: where sums had
offsets of their own, as those of a transposed convolution may, they become part of the integers.
"""

from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np
from onnx import NodeProto

from xnorforge.hw.lowering.examples import random_leaf
from xnorforge.hw.lowering.registry import CHOOSING, MAKERS, example, maker, meaning, rule
from xnorforge.hw.lowering.sums import one_leaf, single
from xnorforge.hw.lowering.values import Value, of_leaf, reach_of
from xnorforge.hw.lowering.views import over, seen, usual_view, view_of
from xnorforge.hw.lowering.walk import Walk, refuse
from xnorforge.hw.ops.border.lower import everywhere
from xnorforge.hw.ops.depth_to_space.op import pixels_of_blocks

CHOOSING |= {"SpaceToDepth", "DepthToSpace"}


@meaning("DepthToSpace")
def _depth_to_space(x, at):
    return pixels_of_blocks(x, at["block"], at["size"])


@rule("SpaceToDepth", "DepthToSpace")
def _places(walk, node, at):
    """Blocks of pixels to channels, and channels to blocks of pixels."""
    value = walk.value(node, arrange=False)
    view, size = view_of(value), at["blocksize"]
    channels, rows, columns = view.shape
    if node.op_type == "SpaceToDepth":
        blocks = view.reshape(channels, rows // size, size, columns // size, size).transpose(2, 4, 0, 1, 3)
        return seen(value, blocks.reshape(-1, rows // size, columns // size))
    if at.get("mode", b"DCR") == b"DCR":
        blocks = view.reshape(size, size, -1, rows, columns).transpose(2, 3, 0, 4, 1)
    else:
        blocks = view.reshape(-1, size, size, rows, columns).transpose(0, 3, 1, 4, 2)
    return seen(value, blocks.reshape(-1, rows * size, columns * size))


def _blocks(view: np.ndarray, shape) -> tuple[list[int], np.ndarray] | None:
    """Rows and columns of the blocks that a view (C, H', W') of an image `shape` (H, W, channels) makes of
    its pixels, and the channel (rows, columns, C) at each place of a block; None where it does not."""
    row, column, channel = np.unravel_index(view, shape)
    block = [int((line == 0).sum()) for line in (row[0, :, 0], column[0, 0, :])]
    if min(block) < 1:
        return None
    _, tall, wide = view.shape
    y, x = np.arange(tall)[:, None], np.arange(wide)[None]
    if (row != y // block[0]).any() or (column != x // block[1]).any():
        return None
    table = channel[:, : block[0], : block[1]]
    if (channel != table[:, y % block[0], x % block[1]]).any():
        return None
    return block, table.transpose(1, 2, 0)


@maker("blocks")
def blocks(walk: Walk, node: NodeProto, value: Value, view: np.ndarray) -> Value | None:
    """The image that a view spreads over blocks of pixels, None where it does something else."""
    found = _blocks(view, value.shape)
    if found is None or value.shape[:2] != tuple(-(-n // b) for n, b in zip(view.shape[1:], found[0])):
        return None
    block, table = found
    value, order = single(walk, replace(value, view=None), node), table.reshape(-1)
    if not _alike(value, table):
        value = _with_one_offset(walk, node, one_leaf(walk, value, node), table)
    if not np.array_equal(order, np.arange(value.channels)):
        value = MAKERS["arranged"](walk, node, seen(value, usual_view(value.leaf)[order]))
    leaf, channels = walk.leaves[value.start[0]], table.shape[2]
    low, high = (end.reshape(-1, channels) for end in (leaf.lo, leaf.hi))
    out = walk.emit(
        "DepthToSpace", [leaf], (*view.shape[1:], channels), low.min(0), high.max(0), f"{leaf.layer}_space",
        leaf.layer, block=block, size=list(view.shape[1:]),
    )  # fmt: skip
    assert value.reach is not None
    widest = np.tile(value.reach.reshape(-1, channels).max(0), len(value.reach) // channels)
    return over(replace(value, reach=widest), out, np.arange(channels))


def _alike(value: Value, table: np.ndarray) -> bool:
    """Whether the channels that become one share scale and offset of their base, and their chain."""
    _, a, b = value.start
    constants = [a, b, *(np.asarray(c) for _, *given in value.chain for c in given)]
    return all((c[table] == c[table[0, 0]]).all() for c in constants)


def _with_one_offset(walk, node, value: Value, table: np.ndarray) -> Value:
    """The value with one offset c for all channels that become one: a / times * (times n + shift) + c.

    Raises:
        UserError: they have different scales.
    """
    (name, a), b = value.single, value.offset
    offset, apart = b.copy(), np.zeros(value.channels, object)
    for places in table.reshape(-1, table.shape[2]).T:
        offset[places] = b[places[0]]
        if (a[places] != a[places[0]]).any() or not (a[places].all() or (b[places] == b[places[0]]).all()):
            why = "channels that become the pixels of one channel have different scales"
            raise refuse(node, why, "put a quantiser before it")
        apart[places] = [x / s if s else Fraction(0) for x, s in zip(b[places] - offset[places], a[places])]
    times = lcm(*(x.denominator for x in apart))
    rows, columns, factors, shift = everywhere(walk.leaves[name], times)
    shift[0, 0] = [int(x * times) for x in apart]
    out = MAKERS["by place"](walk, walk.leaves[name], rows, columns, factors, shift)
    return of_leaf(out, a / times, offset, reach_of(value))


@example("DepthToSpace")
def _shuffled(rng):
    height, width, channels = (int(n) for n in rng.integers(1, 6, 3))
    block = rng.integers(1, 4, 2)
    leaf = random_leaf(rng, (height, width, channels * int(block.prod())))
    whole = np.array([height, width]) * block
    size = whole - [int(rng.integers(0, n)) for n in block]
    return [leaf], [("DepthToSpace", {"block": block.tolist(), "size": size.tolist()})]
