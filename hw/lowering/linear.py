"""Convolutions and dense layers over one integer leaf.

With a scale g common to the input channels of a group, x[c] = g m[c] n[c] + B[c], weights ws[o] W[o, c]:
    y[o] = ws[o] g * sum W m n  +  ws[o] * sum W B
so integer ratios m and signs fold into the weights, and B into the offset. Products W m that no operator
can hold are split into several matrices, one per digit of 8 bits. Where n is a bit and W is +-1 the sum is
counted as matches p of K:  sum W n = p - (number of -1 weights).

Of n with more than 16 bits, as sums of branches with real scales are, every term of the sum has a matrix of
its own, or every digit of n, whichever is smaller.

A border of value v is the integer (v - B) / (g m). For +-1 bits and zeros that is one half, which no bit is:
the convolution then reads 2 n - 1 and leaves out what lies outside the image (`SignedConv`). Any other border
that is not an integer of the input is corrected per position (the task "beyond").
"""

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
from onnx import NodeProto

from xnorforge.core.types import Ints
from xnorforge.hw.any_width import width_of

from .geometry import spatial, window_shape
from .registry import MAKERS, NEGATABLE, rule
from .sums import added_up, one_leaf
from .values import F32, Leaf, Value, append, common_grid, exact, of_leaf, reach_of
from .views import channels_chosen, flattened, seen, usual_view, view_of
from .walk import Walk, refuse

LARGEST_RATIO = 2**64  # between the scales of channels in one matrix
LARGEST_WEIGHT = 2**15 - 1  # of a matrix; products with ratios beyond become matrices of digits
WIDEST = 16  # bits of a matrix's input; float64 then holds every sum of products
MATRICES = ("Conv", "Dense")
NEGATABLE |= dict.fromkeys(MATRICES, "weights")


@rule("Conv")
def _conv(walk, node, at):
    """Integer convolution in one or two dimensions with constant weights."""
    weights, scale = _weights(walk, node)
    weights = weights[:, :, None] if weights.ndim == 3 else weights  # a convolution along one row
    if weights.ndim != 4:
        raise refuse(node, f"its kernel has {weights.ndim - 2} dimensions", "use a 2-D convolution")
    value, groups = walk.value(node, arrange=False), at.get("group", 1)
    channels = channels_chosen(value.leaf, value.view)
    if groups == 1 and channels is not None and weights.shape[1] == len(channels):
        weights = _placed(weights, channels, value.channels)
        value = replace(value, view=None)
    value = one_leaf(walk, MAKERS["arranged"](walk, node, value), node)
    stride, dilation, pads = spatial(at, value.shape[:2], weights.shape[2:])
    around, border = walk.borders.get(node.input[0], ([0] * 4, Fraction(0)))
    pads = [own + other for own, other in zip(pads, around)]
    return linear_layer(walk, node, value, weights, scale, (stride, dilation, pads, border), groups)


def _placed(weights: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Weights (outputs, inputs, …) for inputs each of which is one of `count`, selected by index."""
    found = np.zeros((len(weights), count, *weights.shape[2:]), weights.dtype)
    np.add.at(found.swapaxes(0, 1), places, weights.swapaxes(0, 1))
    return found


@rule("Gemm", "MatMul")
def _dense(walk, node, at):
    """Integer matrix-vector product with constant weights; MatMul also for every pixel, channels last."""
    if at.get("transA", 0):
        raise refuse(node, "it transposes its input", "remove transA, because an input has only one row")
    alpha, beta = (Fraction(at.get(key, 1.0)) for key in ("alpha", "beta"))
    value = walk.value(node, arrange=False)
    weights, scale = _weights(walk, node, transposed=not at.get("transB", 0))
    view = view_of(value)
    if weights.shape[1] != view.shape[-1] or (view.ndim > 1 and node.op_type == "Gemm"):
        raise refuse(node, "it multiplies images, not vectors", "flatten before it")
    if view.ndim > 1 and prod(view.shape) > view.shape[-1]:  # a dense layer for every pixel, channels last
        value = MAKERS["arranged"](walk, node, seen(value, np.moveaxis(view, -1, 0)))
        found = linear_layer(walk, node, one_leaf(walk, value, node), weights[:, :, None, None], scale)
        return seen(found, np.moveaxis(usual_view(found.leaf).reshape(-1, *view.shape[:-1]), 0, -1))
    if len(value.shape) != 1:
        value = flattened(walk, node, value, np.arange(prod(value.shape)))
    weights = _placed(weights, view.reshape(-1), value.channels)
    value = one_leaf(walk, replace(value, view=None), node)
    return linear_layer(walk, node, value, weights[:, :, None, None], scale * alpha, beta=beta)


def _weights(walk, node, transposed: bool = False):
    """Integers (outputs, inputs, …) of the node's weights and their scale per output."""
    if node.input[1] not in walk.constants:
        raise refuse(node, "its weights are not constant", "export them as constants")
    name = node.input[1]
    known = walk.weights.get(name)
    if known is None:
        raw = walk.constants[name]
        known = integer_weights(walk, node, name, raw.T if transposed else raw)
        known = (known[0].T, known[1].T) if transposed else known
    weights, scale = known
    scale = scale.reshape((1,) * (weights.ndim - scale.ndim) + scale.shape)
    if transposed:
        weights, scale = weights.T, scale.T
    if max(scale.shape[1:], default=1) > 1:
        raise refuse(node, "its weight scale varies over the inputs", "use one scale, or one per output")
    return weights, np.broadcast_to(scale.reshape(-1), len(weights))


def integer_weights(
    walk: Walk, node: NodeProto, name: str, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integers and scales, one per output, of weights without a Quant node.

    Args:
        name: of the constant; rows: the constant with its outputs on the first axis.
    """
    raw = walk.constants[name]
    declared = walk.model.get_tensor_datatype(name).name
    if declared in ("BIPOLAR", "BINARY"):
        allowed = (-1, 1) if declared == "BIPOLAR" else (0, 1)
        bad = raw[~np.isin(raw, allowed)]
        if bad.size:
            why = f"{bad.size} of {raw.size} binary weights of {name} are not {allowed[0]} or {allowed[1]}, "
            raise refuse(node, why + f"the first is {bad[0]:g}", "binarise the weights before export")
    found, scales = [], []
    for row in rows.reshape(len(rows), -1):
        values, places = np.unique(row, return_inverse=True)  # two, where weights are binary
        numbers = exact(values)
        grid = common_grid(numbers) or Fraction(1)
        whole = [int(x / grid) for x in numbers]
        if max(map(abs, whole), default=0) > 2**15:
            cure = "quantise them (brevitas.nn.QuantConv2d, QuantLinear; 1 bit for an XNOR unit)"
            raise refuse(node, f"its weights {name} are floating-point numbers", cure)
        found.append(np.array(whole, np.int64)[places])
        scales.append(grid)
    return np.reshape(found, rows.shape), np.array(scales, object).reshape(-1, *[1] * (rows.ndim - 1))


def linear_layer(
    walk: Walk, node: NodeProto, value: Value, weights: np.ndarray, scale: np.ndarray,
    windows: tuple[Ints, Ints, Ints, Fraction] = ((1, 1), (1, 1), (0, 0, 0, 0), Fraction(0)),
    groups: int = 1, beta: int | Fraction = 1,
) -> Value:  # fmt: skip
    """weights (O, C/groups, kh, kw) applied to a value of one leaf in windows: stride, dilation, pads, and
    the number outside; a vector is an image of one pixel. `beta` is the factor of a bias."""
    if (inputs := weights.shape[1] * groups) != value.channels:
        why = f"its weights have {inputs} input channels, but its input has {value.channels}"
        raise refuse(node, why, "make them equal")
    *_, border = windows
    parts = _narrow_parts(walk, value, groups)
    edges = [border, *[Fraction(0)] * (len(parts) - 1)]
    found = [_matrix(walk, node, *pair, weights, scale, windows, groups) for pair in zip(parts, edges)]
    result = added_up(walk, node, found, [1] * len(found)) if len(found) > 1 else found[0]
    bias, outputs = walk.constant(node, 2) if len(node.input) > 2 else None, len(weights)
    if bias is None:
        return result
    bias = np.tile(bias.reshape(-1), outputs // bias.size)  # one, or one set per position of a block
    added = bias if beta == 1 else F32(beta) * bias.astype(F32)
    return append(result, "add", np.broadcast_to(added, outputs))


def _narrow_parts(walk: Walk, value: Value, groups: int) -> list[Value]:
    """Values of one leaf each that a matrix takes, whose sum is the given one of one leaf; the
    first has its offset, and the reach of all that the reference adds."""
    name, a = value.single
    leaf, maker = walk.leaves[name], walk.makers.get(name)
    ratio, rows = _ratios(a, groups)[1], maker.at.get("multipliers", []) if maker is not None else []
    if _is_narrow(leaf) and abs(ratio).max() < LARGEST_RATIO:
        return [value]
    terms = [(walk.leaves[one], a * row) for one, row in zip(maker.inputs, rows)] if maker else []
    sizes = [width_of(_ratios(x, groups)[1]) for _, x in terms]
    bits = sum(one.bits * size for (one, _), size in zip(terms, sizes))  # each times those of its weights
    direct = all(map(_is_narrow, (one for one, _ in terms))) and max(sizes, default=WIDEST + 1) <= WIDEST
    if not direct or bits > 2 * (leaf.bits + width_of(ratio)):
        if (abs(ratio) != 1).any():
            whole = {one.name: x for one, x in terms or [(leaf, a)]}
            value = MAKERS["sum"](walk, Value(leaf, whole, value.offset, reach=reach_of(value)), True)
            return _narrow_parts(walk, value, groups)
        terms = [(one, a * weight) for weight, one in MAKERS["digits"](walk, leaf, WIDEST)]
    none = np.zeros(leaf.channels)
    rest = [(value.offset, reach_of(value)), *[(exact(none), none)] * len(terms)]
    return [of_leaf(one, x, *more) for (one, x), more in zip(terms, rest)]


def _is_narrow(leaf: Leaf) -> bool:
    """Whether a matrix takes its integers."""
    return leaf.bits - (leaf.range[0] >= 0) <= WIDEST


def _ratios(a: np.ndarray, groups: int) -> tuple[list[Fraction], np.ndarray]:
    """The grid of the scales of each group of channels, and the scales on it, integers (channels,)."""
    grids = [common_grid(part) or Fraction(1) for part in a.reshape(groups, -1)]
    shares = np.repeat(np.array(grids, object), len(a) // groups)
    return grids, np.array([int(x) for x in a / shares], object)


def _matrix(walk, node, value: Value, border, weights, scale, windows, groups) -> Value:
    """The layer without its bias, on integers that a matrix takes."""
    stride, dilation, pads, _ = windows
    name, a = value.single
    leaf = walk.leaves[name]
    flat = len(leaf.shape) == 1
    outputs, inside, *kernel = weights.shape
    kind = "dense" if flat else "conv"
    layer = f"{kind}{walk.layers}"
    walk.layers += 1
    grids, ratio = _ratios(a, groups)
    shares = np.repeat(np.array(grids, object), inside)
    grid = np.repeat(np.array(grids, object), outputs // groups)

    # W m, laid out (kh, kw, C/groups, O); channel k of output o reads input channel source[k, o]
    taps = weights.transpose(2, 3, 1, 0)
    source = np.arange(inside)[:, None] + np.arange(outputs)[None, :] // (outputs // groups) * inside
    digits = _digits(taps.astype(object) * ratio[source])

    op, lo, hi, step = "Dense" if flat else "Conv", leaf.lo, leaf.hi, grid
    padding: dict = {}
    image, reads, missing = leaf.shape[:2], [leaf] * len(digits), None
    if any(pads):
        wanted = (border - value.offset) / shares  # share of a tap's weight outside the image
        within = all(p <= d * (k - 1) for p, d, k in zip(pads, dilation * 2, kernel * 2))
        if leaf.range == (0, 1) and within and (2 * wanted == ratio).all():
            op, padding, step = "SignedConv", {"pads": list(pads)}, grid / 2
            lo, hi = np.minimum(2 * lo - 1, 0), np.maximum(2 * hi - 1, 0)  # 0 outside the image
        else:
            there = nearest_border(leaf, wanted, ratio)
            missing = wanted - ratio * there
            # Each matrix has its own border, before its windows.
            reads = [MAKERS["border"](walk, leaf, there, pads, layer) for _ in digits]
            lo, hi = reads[0].lo, reads[0].hi
    short = (taps * missing[source]).sum(2) if missing is not None and missing.any() else None
    shape: tuple[int, ...] = (outputs,)
    if not flat:
        h, w = (side + pads[k] + pads[k + 2] for k, side in enumerate(leaf.shape[:2]))
        shape = (*window_shape((h, w), kernel, stride, dilation), outputs)
        if min(shape) < 1:
            why = f"its kernel {kernel} is larger than the image {h}x{w}"
            raise refuse(node, why, "use a smaller kernel or pad")
        padding |= {"stride": list(stride), "dilation": list(dilation), "groups": groups}
    folded = digits[0][1]
    xnor = (
        op != "SignedConv"
        and groups == 1
        and reads[0].range[0] >= 0
        and reads[0].range[1] == 1  # a sum that is always 0 has more bits in hardware
        and len(digits) == 1
        and bool((abs(folded) == 1).all())
    )
    if node.name in walk.writable:
        plain = all(x == grids[0] and b == -grids[0] / 2 for x, b in zip(a, value.offset))
        if not xnor or not plain or short is not None:
            why = "its template is replaced at run time, so its input must be bits of -1 and +1"
            raise refuse(node, why, "put a sign before it, and use no zero border and no groups")
        padding["writable"] = True
    terms: dict[str, np.ndarray] = {}
    out = leaf
    for (factor, part), read in zip(digits, reads):
        ends = part * lo[source], part * hi[source]
        low, high = np.minimum(*ends).sum((0, 1, 2)), np.maximum(*ends).sum((0, 1, 2))
        top = int(np.maximum(*map(np.abs, ends)).sum((0, 1, 2)).max(initial=0))
        if xnor:  # of a weight of -1 zeros match
            low, high = (end + (part < 0).sum((0, 1, 2)) for end in (low, high))
        low, high = range_of_sums(low, high, xnor)
        matrix, times = part[0, 0] if flat else part, 1
        out = walk.emit(op, [read], shape, low, high, layer, weights=matrix, xnor=xnor, top=top, **padding)
        if short is not None and not terms:
            share = short / Fraction(factor)
            out, times = MAKERS["beyond"](walk, out, share, image, stride, dilation, pads)
        terms[out.name] = scale * step * factor / times

    # sum W B; for 2 n - 1 all taps, also outside the image, have the border's value in addition. Matches
    # count the negative weights as well.
    offset = np.full(leaf.channels, border, object) if op == "SignedConv" else value.offset
    rest = _dot(taps.sum((0, 1)), offset, source)
    if xnor:
        rest = rest - step * _whole((folded < 0).sum((0, 1, 2)))
    factor = abs(scale.astype(np.float64))
    reach = (abs(taps) * reach_of(value)[source]).sum((0, 1, 2)) * factor
    if len(digits) == 1:
        return walk.value_of(out, terms[out.name], scale * rest, reach, 2 if xnor else 1)
    for name, a in terms.items():  # the reference rounds on its way to each
        walk.value_of(walk.leaves[name], a, 0 * a, reach)
    return Value(out, terms, scale * rest, reach=reach)


def range_of_sums(low: np.ndarray, high: np.ndarray, xnor: bool) -> tuple[np.ndarray, np.ndarray]:
    """The range of sums, wider where it is that of a bit: a sum has a sign, a count of matches two bits."""
    if low.min() >= 0 and high.max() <= 1:
        return (low, high + 1) if xnor else (low - 1, high)
    return low, high


def nearest_border(leaf: Leaf, wanted: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """The border integers (C,): the wanted ones, if a matrix takes them and they need no extra bits
    or are alike in all channels; otherwise an integer that the image has."""
    exactly = [x / r if r else Fraction(0) for x, r in zip(wanted, ratio)]
    low, high = leaf.range
    if all(x.denominator == 1 and abs(x) < 1 << WIDEST - 1 for x in exactly) and (
        len(set(exactly)) == 1 or all(low <= x <= high for x in exactly)
    ):
        return np.array([int(x) for x in exactly])
    return np.full(leaf.channels, min(max(0, low), high))


def _digits(weights) -> list[tuple[int, np.ndarray]]:
    """Integers of any size as a sum of factors times int64 matrices; one if an operator can hold it."""
    if abs(weights).max(initial=0) <= LARGEST_WEIGHT:
        return [(1, weights.astype(np.int64))]
    found, factor = [], 1
    while weights.any():
        digit = (weights + 128) % 256 - 128
        if digit.any():
            found.append((factor, digit.astype(np.int64)))
        weights, factor = (weights - digit) // 256, factor * 256
    return found


def _whole(numbers) -> np.ndarray:
    return np.array([Fraction(int(x)) for x in numbers], object)


def _dot(weights, offsets, source) -> np.ndarray:
    """sum W[k, o] B[source[k, o]] over k."""
    if len(set(offsets)) == 1:
        return offsets[0] * _whole(weights.sum(0))
    columns = zip(weights.T.tolist(), offsets[source].T)
    return np.array([sum((w * b for w, b in zip(*column)), Fraction(0)) for column in columns], object)
