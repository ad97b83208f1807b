"""Operators that pool or move integers: pools, padding, flattening, concatenation, nearest upsampling."""

from fractions import Fraction
from math import prod

import numpy as np

from .joins import one_leaf, single
from .linear import padded, spatial, window_shape
from .values import Value, exact, of_leaf, replay
from .walk import refuse, rule


@rule("MaxPool")
def _max_pool(walk, node, at):
    """Maximum of the value: maximum of n where the chain rises, minimum where it falls; the chain stays
    behind it.
    """
    value = walk.value(node)
    value = single(walk, value, node)
    leaf, kernel = walk.leaves[value.base[0]], list(at["kernel_shape"])
    stride, dilation, pads = spatial(node, at)
    direction = np.where(value.rising < 0, -1, 1)
    if dilation != [1, 1]:
        raise refuse(node, "a dilated pool has no integer operator", "use dilation 1")
    if any(pads):
        if leaf.range[0] < 0 or (direction < 0).any():
            raise refuse(
                node, "a padded maximum of signed sums has no integer operator", "pool binary activations"
            )
        leaf = padded(
            walk,
            node,
            leaf,
            exact([1] * leaf.channels),
            exact([0] * leaf.channels),
            Fraction(0),
            pads,
            leaf.layer,
        )
    shape = (*window_shape(leaf.shape, kernel, stride), leaf.channels)
    out = walk.emit(
        "MaxPool", [leaf], shape, leaf.lo, leaf.hi, f"{leaf.layer}_pool", leaf.layer,
        kernel=kernel, stride=stride, direction=direction,
    )  # fmt: skip
    return replay(value, out)


def _sum_pool(walk, node, kernel, stride) -> Value:
    value = one_leaf(walk, walk.value(node), node)
    name, a = value.single
    leaf, area = walk.leaves[name], prod(kernel)
    shape = (*window_shape(leaf.shape, kernel, stride), leaf.channels)
    out = walk.emit(
        "SumPool", [leaf], shape, leaf.lo * area, leaf.hi * area, f"{leaf.layer}_pool", leaf.layer,
        kernel=list(kernel), stride=list(stride),
    )  # fmt: skip
    return walk.value_of(out, a / area, value.offset)


@rule("AveragePool")
def _average_pool(walk, node, at):
    stride, dilation, pads = spatial(node, at)
    if dilation != [1, 1]:
        raise refuse(node, "a dilated pool has no integer operator", "use dilation 1")
    if any(pads):
        raise refuse(node, "a padded average weighs the border differently", "pad in front of it")
    return _sum_pool(walk, node, at["kernel_shape"], stride)


@rule("GlobalAveragePool", "ReduceMean")
def _global_average(walk, node, at):
    value = walk.value(node)
    if node.op_type == "ReduceMean":
        axes = at.get("axes", walk.constant(node, 1))
        if axes is None or sorted(int(a) % 4 for a in axes) != [2, 3] or len(value.shape) != 3:
            raise refuse(node, "it averages over other axes than rows and columns", "use GlobalAveragePool")
    pooled = _sum_pool(walk, node, value.shape[:2], [1, 1])
    return pooled if at.get("keepdims", 1) else _flatten(walk, node, pooled)


@rule("Flatten", "Reshape", "Squeeze")
def _reshape(walk, node, at):
    value = walk.value(node)
    elements = prod(value.shape)
    if node.op_type == "Reshape":
        wanted = [int(d) for d in walk.constant(node, 1)]
        if len(wanted) != 2 or wanted[0] not in (0, 1) or wanted[1] not in (-1, elements):
            raise refuse(node, f"it reshapes to {wanted}", f"flatten to [1, {elements}]")
    elif node.op_type == "Flatten" and at.get("axis", 1) != 1:
        raise refuse(node, f"it flattens from axis {at['axis']}", "flatten from axis 1")
    elif node.op_type == "Squeeze" and elements != value.channels:
        raise refuse(node, "it squeezes an image of several pixels", "flatten it")
    return value if len(value.shape) == 1 else _flatten(walk, node, value)


def _flatten(walk, node, value: Value) -> Value:
    """Channels last: element (y, x, c) of the frame, in the network's order element (c, y, x)."""
    value = single(walk, value, node)
    leaf = walk.leaves[value.base[0]]
    pixels = prod(leaf.shape[:-1])
    order = np.arange(prod(leaf.shape)).reshape(leaf.channels, pixels).T.reshape(-1)
    out = walk.emit(
        "Flatten", [leaf], (prod(leaf.shape),), np.tile(leaf.lo, pixels), np.tile(leaf.hi, pixels),
        f"{leaf.layer}_flat", leaf.layer, None if (order == np.arange(len(order))).all() else order,
    )  # fmt: skip
    return replay(value, out, pixels)


@rule("Pad")
def _pad(walk, node, at):
    value = one_leaf(walk, walk.value(node), node)
    name, a = value.single
    pads = [int(p) for p in (at["pads"] if "pads" in at else walk.constant(node, 1))]
    if (
        at.get("mode", b"constant") != b"constant"
        or len(pads) != 8
        or any(pads[:2] + pads[4:6])
        or min(pads) < 0
    ):
        raise refuse(node, "it does more than add a constant border around images", "use nn.ConstantPad2d")
    given = walk.constant(node, 2)
    border = exact([at.get("value", 0.0) if given is None else np.asarray(given).reshape(-1)[0]])[0]
    layer = f"conv{walk.layers}"
    out = padded(
        walk, node, walk.leaves[name], a, value.offset, border, [pads[2], pads[3], pads[6], pads[7]], layer
    )
    return of_leaf(out, a, value.offset)


@rule("Concat")
def _concat(walk, node, at):
    values = [one_leaf(walk, walk.value(node, k), node) for k in range(len(node.input))]
    first = values[0]
    if at["axis"] not in (1, -len(first.shape)) or any(v.shape[:-1] != first.shape[:-1] for v in values):
        raise refuse(
            node, f"it concatenates along axis {at['axis']}", "concatenate channels of images of one size"
        )
    if any(v.leaf.order is not None for v in values):
        raise refuse(node, "it concatenates flattened images", "concatenate before flattening")
    leaves = [walk.leaves[v.single[0]] for v in values]
    lo, hi = (np.concatenate([getattr(leaf, end) for leaf in leaves]) for end in ("lo", "hi"))
    count = sum(n.op == "Concat" for n in walk.nodes)
    out = walk.emit("Concat", leaves, (*first.shape[:-1], len(lo)), lo, hi, f"concat{count}")
    return of_leaf(
        out, np.concatenate([v.single[1] for v in values]), np.concatenate([v.offset for v in values])
    )


def _repeats(node, at, size: int, factor: int) -> bool:
    """Whether output pixel x is input pixel x // factor along an axis: ONNX has several ideas of where a
    pixel lies.
    """
    x = np.arange(size * factor)
    plain = b"asymmetric" if node.op_type == "Upsample" else b"half_pixel"
    places = {
        b"half_pixel": (x + 0.5) / factor - 0.5,
        b"pytorch_half_pixel": (x + 0.5) / factor - 0.5 if len(x) > 1 else 0 * x,
        b"asymmetric": x / factor,
        b"align_corners": x * ((size - 1) / max(len(x) - 1, 1)),
    }
    rounded = {
        b"round_prefer_floor": lambda at: np.ceil(at - 0.5),
        b"round_prefer_ceil": lambda at: np.floor(at + 0.5),
        b"floor": np.floor,
        b"ceil": np.ceil,
    }
    place = places.get(at.get("coordinate_transformation_mode", plain))
    nearest = at.get("nearest_mode", b"floor" if node.op_type == "Upsample" else b"round_prefer_floor")
    if place is None or nearest not in rounded:
        return False
    return np.array_equal(np.clip(rounded[nearest](place), 0, size - 1), x // factor)


@rule("Resize", "Upsample")
def _resize(walk, node, at):
    value = walk.value(node)
    value = single(walk, value, node)
    leaf = walk.leaves[value.base[0]]
    h, w, c = leaf.shape
    out_shape = walk.model.get_tensor_shape(node.output[0])
    factor = out_shape[2] // h
    whole = (
        at.get("mode", b"nearest") == b"nearest" and out_shape[2:] == [h * factor, w * factor] and factor > 0
    )
    if not whole or not all(_repeats(node, at, size, factor) for size in (h, w)):
        raise refuse(
            node, "it does more than repeat pixels",
            "use a nearest resize by a whole factor, coordinates asymmetric and rounded down, as torch exports it",
        )  # fmt: skip
    out = walk.emit(
        "Upsample", [leaf], (h * factor, w * factor, c), leaf.lo, leaf.hi, f"{leaf.layer}_up", leaf.layer,
        factor=factor
    )  # fmt: skip
    return replay(value, out)
