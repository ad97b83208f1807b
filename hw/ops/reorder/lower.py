"""Moves of elements: pixels repeated, a window of the frame, channels that become the pixels of a block, and
any other order of a frame where a view is none that other operators bring about (`views.py`).

A shuffle of pixels has to be an image where an image is read: what reads one takes its elements row by row. A
view that spreads channels over blocks of pixels is brought there by DepthToSpace, behind a choice of channels
where they do not lie as ONNX's mode DCR has them. All channels that become one have the same value of an
integer then: where sums had offsets of their own, as those of a transposed convolution may, they become part
of the integers.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import lcm

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto

from xnorforge.core.types import Ints, Record
from xnorforge.hw.lowering.examples import random_leaf, random_shape
from xnorforge.hw.lowering.registry import CHOOSING, MAKERS, example, maker, meaning, rule
from xnorforge.hw.lowering.sums import one_leaf, single
from xnorforge.hw.lowering.values import Leaf, Value, of_leaf, reach_of, replay
from xnorforge.hw.lowering.views import has_channels_last, over, seen, usual_view, view_of
from xnorforge.hw.lowering.walk import Walk, refuse
from xnorforge.hw.ops.border.lower import everywhere

CHOOSING |= {"Resize", "Upsample", "SpaceToDepth", "DepthToSpace"}


@meaning("Permute")
def _permuted(x, at):
    return x.reshape(len(x), -1)[:, at["places"]].reshape(len(x), *at["behind"])


@maker("permuted")
def permuted(walk: Walk, leaf: Leaf, order: np.ndarray, shape: Ints, lo: ArrayLike, hi: ArrayLike) -> Leaf:
    """A leaf of this shape whose element i is element order[i] of the given leaf's frame."""
    at = {"before": list(leaf.shape), "behind": list(shape), "places": order}
    return walk.emit("Permute", [leaf], shape, lo, hi, f"{leaf.layer}_permuted", leaf.layer, **at)


@example("Permute")
def _moved(rng):
    leaf = random_leaf(rng, random_shape(rng))
    many = int(np.prod(leaf.shape))
    order = [rng.permutation(many), rng.integers(many, size=rng.integers(1, 2 * many + 1))][rng.integers(2)]
    return [leaf], [("Permute", {"before": list(leaf.shape), "behind": [len(order)], "places": order})]


@meaning("Crop")
def _cropped(x, at):
    cut = [slice(first, first + size) for first, size in zip(at["first"], at["behind"])]
    return x[:, *cut]


@maker("cropped")
def cropped(walk: Walk, leaf: Leaf, view: np.ndarray) -> Leaf | None:
    """The leaf's elements of a view (C, H, W) or (F,) that is a window of the frame, else None."""
    places = np.moveaxis(view, 0, -1)
    first = [int(place) for place in np.unravel_index(places.flat[0], leaf.shape)]
    behind = list(places.shape)
    cut = tuple(slice(start, start + size) for start, size in zip(first, behind))
    frame = np.arange(np.prod(leaf.shape)).reshape(leaf.shape)
    if not np.array_equal(frame[cut], places) or (len(behind) == 3 and behind[2] < leaf.channels):
        return None
    kept = cut[-1] if len(behind) == 1 else slice(None)
    at = {"before": list(leaf.shape), "behind": behind, "first": first[: max(len(first) - 1, 1)]}
    name = f"{leaf.layer}_chosen"
    return walk.emit("Crop", [leaf], behind, leaf.lo[kept], leaf.hi[kept], name, leaf.layer, **at)


@example("Crop")
def _window(rng):
    leaf = random_leaf(rng, random_shape(rng))
    sizes = leaf.shape[:2] if len(leaf.shape) == 3 else leaf.shape
    first = [int(rng.integers(size)) for size in sizes]
    behind = [int(rng.integers(1, size - start + 1)) for size, start in zip(sizes, first)]
    at = {"before": list(leaf.shape), "behind": [*behind, *leaf.shape[2:]], "first": first}
    return [leaf], [("Crop", at)]


@meaning("Upsample")
def _upsampled(x: np.ndarray, at: Record) -> np.ndarray:
    """Rows and columns repeated."""
    rows, columns = at["factors"]
    return x.repeat(rows, axis=1).repeat(columns, axis=2)


def _repeats(node, at, size: int, factor: int) -> bool:
    """Whether output pixel x of an axis is input pixel x // factor, in all conventions of ONNX."""
    x = np.arange(size * factor)
    plain = b"asymmetric" if node.op_type == "Upsample" else b"half_pixel"
    places = {
        b"half_pixel": (x + 0.5) / factor - 0.5,
        b"pytorch_half_pixel": (x + 0.5) / factor - 0.5 if len(x) > 1 else 0 * x, b"asymmetric": x / factor,
        b"align_corners": x * ((size - 1) / max(len(x) - 1, 1)),
    }  # fmt: skip
    rounded: dict[bytes, Callable] = {
        b"round_prefer_floor": lambda at: np.ceil(at - 0.5),
        b"round_prefer_ceil": lambda at: np.floor(at + 0.5), b"floor": np.floor, b"ceil": np.ceil,
    }  # fmt: skip
    place = places.get(at.get("coordinate_transformation_mode", plain))
    nearest = at.get("nearest_mode", b"floor" if node.op_type == "Upsample" else b"round_prefer_floor")
    if place is None or nearest not in rounded:
        return False
    return np.array_equal(np.clip(rounded[nearest](place), 0, size - 1), x // factor)


@rule("Resize", "Upsample")
def _resize(walk, node, at):
    """Nearest-neighbour upsampling by integer factors, of images or rows, channels first or last."""
    value = walk.value(node, arrange=False)
    last = has_channels_last(value)
    value = seen(value, np.moveaxis(view_of(value), -1, 0)) if last else value
    value = single(walk, MAKERS["arranged"](walk, node, value), node)
    before, after = (walk.model.get_tensor_shape(name)[1:] for name in (node.input[0], node.output[0]))
    factors = [new // old for old, new in zip(before, after)]
    whole = at.get("mode", b"nearest") == b"nearest" and factors[-1 if last else 0] == 1
    if (
        not whole
        or [old * factor for old, factor in zip(before, factors)] != after
        or not all(_repeats(node, at, *axis) for axis in zip(before, factors))
    ):
        raise refuse(
            node, "it does more than repeat pixels",
            "use a nearest-neighbour resize by integer factors with asymmetric coordinates rounded down, "
            "as torch exports it",
        )  # fmt: skip
    found = _repeat(walk, value, [1, *(factors[:-1] if last else factors[1:])][-2:])
    usual = usual_view(found.leaf).reshape(-1, *after[:-1])
    return seen(found, np.moveaxis(usual, 0, -1)) if last else found


@maker("repeated")
def _repeat(walk, value: Value, factors) -> Value:
    """A value of one leaf with its rows and columns repeated."""
    leaf = walk.leaves[value.start[0]]
    shape = (*(size * factor for size, factor in zip(leaf.shape, factors)), leaf.channels)
    name = f"{leaf.layer}_up"
    repeated = walk.emit("Upsample", [leaf], shape, leaf.lo, leaf.hi, name, leaf.layer, factors=factors)
    return replay(value, repeated)


@example("Upsample")
def _repeated(rng):
    return [random_leaf(rng)], [("Upsample", {"factors": [int(n) for n in rng.integers(1, 5, 2)]})]


@meaning("DepthToSpace")
def _depth_to_space(x, at):
    """Output pixel (y, x) channel c is channel ((y % rows) * columns + x % columns) * C + c of input pixel
    (y // rows, x // columns); `size` leaves out pixels at the bottom and on the right."""
    (count, height, width, _), (rows, columns), (tall, wide) = x.shape, at["block"], at["size"]
    blocks = x.reshape(count, height, width, rows, columns, -1).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, height * rows, width * columns, -1)[:, :tall, :wide]


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


MOVES = {"Permute": _permuted, "Crop": _cropped, "DepthToSpace": _depth_to_space, "Upsample": _upsampled}
