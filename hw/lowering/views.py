"""Positions of a tensor's elements: transposes, reshapes, slices and shuffles need no operator.

A value's `view` has the shape of the network's tensor without its batch; an entry is the position of that
element in the frame of the leaf, channels last. None means the usual positions: (C, H, W) of an image, the
elements of a vector in order. Operators of one number per element take any view, others the value `arranged`:

    nothing    where the elements already lie as they should
    Reshape    where they lie as they should in a frame of another shape; also an image as a vector, whose
               order the weights of the following dense layer take into account
    crop       rows and columns side by side, or neighbours of a vector (a task)
    Conv       any other choice of channels, rows and columns: a kernel with a single 1 per output
    blocks     channels that are the pixels of a block (a task, see `registry.py`)
    Dense      any other choice of elements of a vector: a matrix with a single 1 per output
    Permute    any other order, which may leave out elements or repeat them, one element per cycle
"""

from dataclasses import replace
from math import prod

import numpy as np
from onnx import NodeProto

from .registry import MAKERS, maker, meaning, rule, swap
from .sums import single
from .values import Leaf, Value, append, of_leaf
from .walk import Walk, refuse

MOST_BITS = 16  # of a matrix's input


def usual_view(leaf: Leaf) -> np.ndarray:
    """The view None as an array."""
    if len(leaf.shape) == 1:
        return np.arange(leaf.channels) if leaf.order is None else np.argsort(leaf.order)
    return np.moveaxis(np.arange(prod(leaf.shape)).reshape(leaf.shape), -1, 0)


def view_of(value: Value) -> np.ndarray:
    """The view of a value as an array."""
    return usual_view(value.leaf) if value.view is None else value.view


def has_channels_last(value: Value) -> bool:
    """Whether the last axis of an image or a row is that of the channels."""
    if value.view is None or value.view.ndim < 2:
        return False
    return np.array_equal(np.moveaxis(value.view, -1, 0).reshape(-1), usual_view(value.leaf).reshape(-1))


def is_list(value: Value) -> bool:
    """Whether it is a matrix with several channels in a row, as boxes of a detector, or of single pixels."""
    view = value.view
    if view is None or view.ndim != 2:
        return False
    channels = view % value.channels
    alone = view.shape[1] == 1 and len(value.shape) == 3 and value.shape[0] > 1
    return alone or bool((channels != channels[:, :1]).any())


def seen(value: Value, view: np.ndarray) -> Value:
    """The same integers in another view."""
    return replace(value, view=None if np.array_equal(view, usual_view(value.leaf)) else view)


@maker("arranged")
def arranged(walk: Walk, node: NodeProto, value: Value) -> Value:
    """The value with the view None, so that operators of images and vectors can take it.

    Raises:
        UserError: no operator can rearrange its elements that way.
    """
    if value.view is None:
        return value
    view = value.view[:, None] if value.view.ndim == 2 else value.view  # an image of one row
    if seen(value, view).view is None:
        return replace(value, view=None)
    if is_order(value, view) and len(value.shape) == 1:
        return reordered(walk, node, value, view)
    first = int(view.min())
    if (
        len(value.shape) == 1
        and view.ndim == 3
        and np.array_equal(np.sort(view, None) - first, np.arange(view.size))
    ):
        part = _picked(walk, node, value, np.arange(first, first + view.size))
        return arranged(walk, node, seen(part, view - first))
    if is_order(value, view) and view.ndim == 1:
        return flattened(walk, node, value, view)
    if view.ndim == 3:
        choose = _chosen if len(value.shape) == 3 else reordered
        return choose(walk, node, value, view)
    if view.ndim == 1:
        return _picked(walk, node, value, view)
    if prod(view.shape) == max(view.shape) and np.array_equal(view.reshape(-1), usual_view(value.leaf)):
        return replace(value, view=None)  # a vector with axes of length 1
    why = f"its input {list(view.shape)} has its elements in an order that no operator can read"
    cure = "reshape and transpose images only so that channels, rows and columns stay together"
    raise refuse(node, why, cure)


def flattened(walk: Walk, node: NodeProto, value: Value, view: np.ndarray) -> Value:
    """An image as a vector: element (y, x, c) of the frame is where the network has it."""
    value = single(walk, replace(value, view=None), node)
    leaf = walk.leaves[value.start[0]]
    pixels = prod(leaf.shape[:-1])
    order = np.argsort(view)
    many = prod(leaf.shape)
    out = walk.emit(
        "Reshape", [leaf], (many,), np.tile(leaf.lo, pixels), np.tile(leaf.hi, pixels), f"{leaf.layer}_flat",
        leaf.layer, None if (order == np.arange(len(order))).all() else order, frame=[many],
    )  # fmt: skip
    return over(value, out, np.tile(np.arange(leaf.channels), pixels))


def is_order(value: Value, view: np.ndarray) -> bool:
    """Whether a view is a vector or an image of all elements of the frame."""
    return view.ndim in (1, 3) and np.array_equal(np.sort(view, None), np.arange(prod(value.shape)))


def reordered(walk: Walk, node: NodeProto, value: Value, view: np.ndarray) -> Value:
    """Elements of a frame as one of the view's shape: a Reshape of all in order, else another order.

    Raises:
        UserError: elements that become one channel of an image have different scales.
    """
    value = single(walk, replace(value, view=None), node)
    leaf = walk.leaves[value.start[0]]
    shape, order = [*view.shape[1:], len(view)], np.moveaxis(view, 0, -1).reshape(-1)
    channels = (order % leaf.channels).reshape(-1, len(view))
    constants = [*value.start[1:], *(np.asarray(one) for _, *given in value.chain for one in given)]
    if any((one[channels] != one[channels[0]]).any() for one in constants if one.ndim):
        why = "elements that become one channel of an image have different scales"
        raise refuse(node, why, "put a quantiser with one scale before it")
    lo, hi = leaf.lo[channels].min(0), leaf.hi[channels].max(0)
    if np.array_equal(order, np.arange(prod(leaf.shape))):
        out = walk.emit("Reshape", [leaf], shape, lo, hi, f"{leaf.layer}_image", leaf.layer, frame=shape)
    else:
        out = MAKERS["permuted"](walk, leaf, order, shape, lo, hi)
    return over(value, out, channels[0])


def over(value: Value, leaf: Leaf, channels: np.ndarray) -> Value:
    """The same chain over another leaf whose channel k has the constants of channel channels[k]."""
    _, a, b = value.start
    reach = None if value.reach is None else value.reach[channels]
    moved = of_leaf(leaf, a[channels], b[channels], reach)
    for op, *given in value.chain:
        moved = append(moved, op, *(np.asarray(c)[channels] for c in given))
    return moved


def channels_chosen(leaf: Leaf, view: np.ndarray | None) -> np.ndarray | None:
    """The leaf's channel for each channel of an image (C, H, W) with its pixels in order, or None."""
    if view is None or view.ndim != 3 or len(leaf.shape) != 3 or view.shape[1:] != leaf.shape[:2]:
        return None
    channels = view[:, 0, 0]
    usual = np.arange(prod(leaf.shape[:2])).reshape(leaf.shape[:2]) * leaf.channels
    return channels if np.array_equal(view, usual + channels[:, None, None]) else None


def _chosen(walk, node, value: Value, view: np.ndarray) -> Value:
    """Select channels, rows and columns of an image with a convolution with a single 1 per output."""
    value = single(walk, replace(value, view=None), node)
    leaf = walk.leaves[value.start[0]]
    place = np.stack(np.unravel_index(view, leaf.shape))  # row, column, channel of the frame
    first, size = place[:, :, 0, 0], view.shape[1:]
    stride = [
        int(place[axis, 0, *second] - first[axis, 0]) if many > 1 else 1
        for axis, second, many in zip((0, 1), ((1, 0), (0, 1)), size)
    ]
    steps = np.stack([*np.meshgrid(*map(np.arange, size), indexing="ij"), np.zeros(size, np.int64)])
    wanted = first[:, :, None, None] + (steps * np.array([*stride, 0])[:, None, None])[:, None]
    regular = min(stride) > 0 and np.array_equal(place, wanted)
    blocks = None if regular else MAKERS["blocks"](walk, node, value, view)
    if blocks is not None:
        return blocks
    window = MAKERS["cropped"](walk, leaf, view) if regular else None
    if window is not None:
        return over(value, window, np.arange(leaf.channels))
    if not regular or leaf.bits > MOST_BITS:
        return reordered(walk, node, value, view)
    sides = zip(first, leaf.shape, stride, size)
    kernel = [int(max(start.max() + 1, whole - step * n + 1)) for start, whole, step, n in sides]
    weights = np.zeros((*kernel, leaf.channels, len(view)), np.int64)
    weights[(*first, np.arange(len(view)))] = 1
    channels = first[2]
    out = walk.emit(
        "Conv", [leaf], (*size, len(view)), leaf.lo[channels], leaf.hi[channels], f"{leaf.layer}_chosen",
        leaf.layer, weights=weights, xnor=False, top=max(map(abs, leaf.range)), stride=stride,
        dilation=[1, 1], groups=1,
    )  # fmt: skip
    return over(value, bits_again(walk, leaf, out), channels)


def _picked(walk, node, value: Value, view: np.ndarray) -> Value:
    """Select elements of a vector, or of a flattened image, with a dense layer with a single 1 per output."""
    value = single(walk, replace(value, view=None), node)
    value = value if len(value.shape) == 1 else flattened(walk, node, value, np.arange(prod(value.shape)))
    leaf = walk.leaves[value.start[0]]
    window = MAKERS["cropped"](walk, leaf, view)
    if window is not None:
        return over(value, window, view)
    if leaf.bits > MOST_BITS:
        return reordered(walk, node, value, view)
    weights = np.zeros((leaf.channels, len(view)), np.int64)
    weights[view, np.arange(len(view))] = 1
    out = walk.emit(
        "Dense", [leaf], (len(view),), leaf.lo[view], leaf.hi[view], f"{leaf.layer}_chosen", leaf.layer,
        weights=weights, xnor=False, top=max(map(abs, leaf.range)),
    )  # fmt: skip
    return over(value, bits_again(walk, leaf, out), view)


def bits_again(walk: Walk, leaf: Leaf, chosen: Leaf) -> Leaf:
    """Restore the type of a bit: the sum of a selection matrix has two bits."""
    if not {0, 1}.issuperset(leaf.range):
        return chosen
    ones = np.ones(chosen.channels, np.int64)
    return MAKERS["levels"](walk, chosen, ones[:, None], ones, f"{chosen.name}_bits")


def _axis(axis: int, view: np.ndarray, node) -> int:
    """An axis of the tensor as an axis of its view, which lacks the batch."""
    found = axis - 1 if axis > 0 else axis + view.ndim
    if axis == 0 or not 0 <= found < view.ndim:
        raise refuse(node, f"it works along axis {axis}, the batch axis", "leave the batch axis unchanged")
    return found


@rule("Flatten", "Reshape", "Squeeze", "Unsqueeze")
def _reshape(walk, node, _at):
    """A change of shape; the order of elements moves into the next weights. The batch stays first."""
    value = walk.value(node, arrange=False)
    shape = walk.model.get_tensor_shape(node.output[0])
    view = view_of(value)
    if not shape or shape[0] != 1 or prod(shape[1:]) != view.size:
        cure = f"keep the batch as the first dimension, [1, …], as in [1, {view.size}]"
        raise refuse(node, f"it changes the shape to {shape}", cure)
    view = view.reshape(shape[1:])
    if view.ndim == 1 and len(value.shape) == 3 and is_order(value, view):
        return flattened(walk, node, value, view)
    return seen(value, view)


@rule("Transpose")
def _transpose(walk, node, at):
    """A change of the order of axes, of activations or weights. The batch stays first."""
    name = node.input[0]
    if name in walk.weights:
        axes = at.get("perm", list(range(walk.constants[name].ndim))[::-1])
        weights, scale = walk.weights[name]
        scale = scale.reshape((1,) * (weights.ndim - scale.ndim) + scale.shape)
        walk.weights[node.output[0]] = weights.transpose(axes), scale.transpose(axes)
        walk.constants[node.output[0]] = walk.constants[name].transpose(axes)
        return None
    value = walk.value(node, arrange=False)
    view = view_of(value)
    axes = at.get("perm", list(range(view.ndim + 1))[::-1])
    if axes[0] != 0:
        raise refuse(node, f"it moves the batch to another axis ({axes})", "keep the batch first")
    return seen(value, view.transpose([axis - 1 for axis in axes[1:]]))


@rule("Slice")
def _slice(walk, node, at):
    """Part of a tensor, with constant bounds."""
    value = walk.value(node, arrange=False)
    view = view_of(value)
    starts, ends = (walk.constant(node, k) for k in (1, 2))
    axes, steps = walk.constant(node, 3), walk.constant(node, 4)
    if starts is None or ends is None:
        starts, ends, axes = at["starts"], at["ends"], at.get("axes")
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * view.ndim
    for start, end, axis, step in zip(*(map(int, one) for one in (starts, ends, axes, steps))):
        if axis % (view.ndim + 1) or (start, step) != (0, 1):
            cut[_axis(axis, view, node)] = slice(start, end if step > 0 or end > -(2**31) else None, step)
    return _not_empty(node, value, view[tuple(cut)])


@rule("Gather")
def _gather(walk, node, at):
    """Elements of an activation with constant indices, or of a constant table."""
    if node.input[0] in walk.constants:
        return MAKERS["looked up"](walk, node, walk.constants[node.input[0]], at.get("axis", 0))
    value = walk.value(node, arrange=False)
    view, chosen = view_of(value), walk.constant(node, 1)
    axis = _axis(at.get("axis", 0), view, node)
    many = view.shape[axis]
    if ((chosen < -many) | (chosen >= many)).any():
        raise refuse(node, f"its indices exceed the {many} elements of its axis", f"use 0 .. {many - 1}")
    return _not_empty(node, value, view.take(chosen.astype(np.int64), axis))


@rule("Split")
def _split(walk, node, at):
    """Parts of a tensor along one axis."""
    value = walk.value(node, arrange=False)
    view = view_of(value)
    axis, sizes = _axis(at.get("axis", 0), view, node), walk.constant(node, 1)
    sizes = at.get("split") if sizes is None else sizes
    if sizes is None:
        sizes = [-(-view.shape[axis] // len(node.output))] * len(node.output)
    parts = np.split(view, np.cumsum([int(size) for size in sizes])[:-1], axis)
    for name, part in zip(node.output, parts):
        walk.values[name] = _not_empty(node, value, part)
    return walk.values[node.output[0]]


def _not_empty(node, value: Value, view: np.ndarray) -> Value:
    if not view.size or view.ndim < 1:
        raise refuse(node, "it keeps no element, or its result has fewer axes than a vector", "keep a vector")
    return seen(value, view)


@meaning("Reshape")
def _reshaped(x, at):
    return x.reshape(len(x), *at["frame"])


def flatten(walk: Walk, node: NodeProto, value: Value) -> Value:
    """An image as a vector, in the network's order (c, y, x)."""
    return flattened(walk, node, value, usual_view(value.leaf).reshape(-1))


@swap("Reshape")
def _levels_first(graph, reshape, levels) -> bool:
    """Where all pixels of a channel share their thresholds."""
    before, behind = (graph.leaves[name] for name in (reshape.inputs[0], reshape.out))
    steps, direction = levels.at["thresholds"], levels.at["direction"]
    many = prod(behind.shape)
    steps = np.broadcast_to(steps, (many // behind.channels, *steps.shape)).reshape(many, -1)
    direction = np.tile(direction, many // behind.channels)
    steps = steps.reshape(many // before.channels, before.channels, -1)
    direction = direction.reshape(-1, before.channels)
    if (steps != steps[:1]).any() or (direction != direction[:1]).any():
        return False
    levels.at = {"thresholds": steps[0], "direction": direction[0]}
    return True
