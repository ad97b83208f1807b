"""The network as its file states it, in exact arithmetic: every tensor is integers times one rational unit.

Sums, factors and offsets are computed exactly, whatever float32 would round. Operators that only choose among
numbers (moves, maxima) run in onnxruntime on the ranks of those numbers. All others (quantisers, step and
smooth functions, operators of plug-ins) run in qonnx on the exact numbers rounded once, and, where float32
might round an operation before them, on the ends of that interval.

This module knows nothing of the integer graph; `exactness.py` compares the two.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import lcm, prod

import numpy as np
from onnx import NodeProto

from xnorforge.core.indexed_model import IndexedModel, attributes
from xnorforge.core.types import Ints
from xnorforge.flows.qonnx_execution import execution_of
from xnorforge.hw.any_width import as_width, plus, times, whole_numbers, width_of
from xnorforge.hw.lowering.exact import FLOAT, FLOAT64_BITS, Exact, exactly, on_one_unit
from xnorforge.hw.lowering.geometry import in_two_dimensions, pool_windows, spatial, with_ends
from xnorforge.hw.lowering.integers import product, windows
from xnorforge.hw.lowering.registry import ARITHMETIC, CHOOSING, arithmetic
from xnorforge.hw.lowering.values import F32, MOST_BITS, batch_norm


def _factored(x: Exact, factors: Exact) -> Exact:
    """Constants have no rounding."""
    numbers, rounding = times(x.numbers, factors.numbers), x.rounding * factors.largest
    rounding += factors.rounding * (x.largest + x.rounding)
    return replace(x, numbers=numbers, unit=x.unit * factors.unit, rounding=rounding).rounded()


def _added(x: Exact, *others: Exact) -> Exact:
    numbers, unit = on_one_unit(x, *others)
    total, rounding = numbers[0], x.rounding + sum(one.rounding for one in others)
    for more in numbers[1:]:
        total = plus(total, more)
    return replace(x, numbers=total, unit=unit, rounding=rounding).rounded()


def _negated(x: Exact) -> Exact:
    return x.shaped(-x.numbers)


def matrix_product(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """x (rows, K) times weights (K, outputs) of any width, in digits that float64 adds exactly."""
    if not x.size or not weights.size:
        return np.zeros((len(x), weights.shape[1]), np.int64)
    bits = width_of(x) + width_of(weights) + len(weights).bit_length()
    if bits <= FLOAT64_BITS:
        return product(x, weights, 2**bits)
    split_x = width_of(x) > width_of(weights)
    split = x if split_x else weights
    half = width_of(split) // 2
    high = split >> half
    parts = (whole_numbers(one) for one in (high, split - (high << half)))
    high, low = (matrix_product(part, weights) if split_x else matrix_product(x, part) for part in parts)
    return plus(as_width(high, bits) << half, low)


def convolved(
    x: np.ndarray, weights: np.ndarray, stride: Ints, dilation: Ints, pads: Ints, groups: int
) -> np.ndarray:
    """x (N, C, H, W) with weights (O, C / groups, kh, kw); pads of zeros, negative ones cut the image."""
    top, left, bottom, right = pads
    height, width = x.shape[2:]
    x = x[:, :, max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)]
    beside = [(0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0)]
    x = np.pad(np.moveaxis(x, 1, -1), beside)
    outputs, inside, *kernel = weights.shape
    found = []
    for image in range(len(x)):
        parts = []
        for group in range(groups):
            part = np.ascontiguousarray(x[image : image + 1, ..., group * inside : (group + 1) * inside])
            view = windows(part, kernel, stride, dilation)[0]
            own = weights[group * outputs // groups : (group + 1) * outputs // groups]
            rows = view.reshape(prod(view.shape[:2]), -1)
            flat = own.transpose(2, 3, 1, 0).reshape(rows.shape[1], -1)
            parts.append(matrix_product(rows, flat).reshape(*view.shape[:2], -1))
        found.append(np.concatenate(parts, -1))
    return np.moveaxis(np.stack(found), -1, 1)


class Network:
    """A cleaned network that runs exactly on a batch.

    Attributes:
        tensors: {name: Exact} of all tensors so far that depend on the input.
        constants: {name: array} of the file, and of quantised constants as float32 has them.
        quantised: {name: Exact} of quantised constants, before float32 rounds integer * scale.
    """

    def __init__(self, model: IndexedModel, images: int):
        self.model, self.images = model, images
        self.execution = execution_of(model)
        self.constants = dict(self.execution.constants)
        for name in self.execution.shapes:
            if name in self.constants:
                shape = self.constants[name]
                self.constants[name] = np.array([images, *shape[1:]], shape.dtype)
        self.quantised: dict[str, Exact] = {}
        self.tensors: dict[str, Exact] = {}
        self.ends: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # of an interval, where it is more than one

    def run(self, given: Exact, judged: Callable) -> None:
        """Run every node.

        Args:
            given: the input, a batch. judged: (node, name of an output, Exact, ends of what float32 may give
                or None, whether it was computed exactly) -> the Exact that readers of the output take.
        """
        self.tensors[self.model.graph.input[0].name] = given
        for node in self.model.graph.node:
            if not any(name in self.tensors for name in node.input):
                self._fold(node)
                continue
            outputs, one = [name for name in node.output if name], not self.ends.keys() & set(node.input)
            rule = ARITHMETIC.get(node.op_type) if one else None
            made = rule(self, node, in_two_dimensions(attributes(node))) if rule else None
            if one and node.op_type in CHOOSING and node.input[0] in self.tensors:
                found, known = self._choose(node, outputs), True
            elif made is not None and made.bits <= 2 * MOST_BITS:
                found, known = {outputs[0]: made}, True
            else:
                found = self._in_float32(node, outputs)
                known = node.op_type in QUANTISERS and outputs[0] not in self.ends
            for name, x in found.items():
                shape = self.model.get_tensor_shape(name)
                if known and shape and prod(shape[1:]) * self.images == x.numbers.size:
                    x = x.shaped(x.numbers.reshape(self.images, *shape[1:]))
                self.tensors[name] = judged(node, name, x, self.ends.get(name), known)
                if self.tensors[name] is not x:
                    self.ends.pop(name, None)

    def constant(self, node: NodeProto, index: int) -> Exact:
        """A constant input, exactly; quantised weights before float32 rounds them."""
        name = node.input[index]
        return self.quantised[name] if name in self.quantised else exactly(self.constants[name])

    def read(self, node: NodeProto, index: int) -> Exact:
        """An input, an activation or a constant as float32 has it."""
        name = node.input[index]
        return self.tensors[name] if name in self.tensors else exactly(self.constants[name])

    def _run_one(self, node, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        found = self.constants | given
        if node.domain:
            found |= self.execution.empty(node, self.images)
        self.execution.runner.run(node, found)
        return {name: found[name] for name in node.output if name}

    def _fold(self, node) -> None:
        """A node of constants, in float32; of quantised weights also exactly."""
        self.constants |= self._run_one(node, {})
        (name,) = node.output
        if node.op_type in QUANTISERS:
            self.quantised[name] = self._on_grid(node, self.constants[name])
        elif node.op_type == "DequantizeLinear":
            self.quantised[name] = _dequantised(self, node, attributes(node))
        elif node.op_type == "Mul" and any(x in self.quantised for x in node.input):
            self.quantised[name] = _factored(self.constant(node, 0), self.constant(node, 1))
        elif node.op_type == "Transpose" and node.input[0] in self.quantised:
            x = self.quantised[node.input[0]]
            axes = attributes(node).get("perm", list(range(x.numbers.ndim))[::-1])
            self.quantised[name] = x.shaped(x.numbers.transpose(axes))

    def _on_grid(self, node, given: np.ndarray) -> Exact:
        """Results of a quantiser: integer times scale, before float32 rounds the product."""
        scale = self.constants[node.input[1]].astype(F32)
        zero = self.constants[node.input[2]].astype(F32) if node.op_type == "Quant" else F32(0)
        whole = np.rint(given.astype(np.float64) / scale + zero)
        level = _added(replace(exactly(whole), kind=FLOAT), _negated(exactly(zero)))
        return _factored(level, exactly(scale))

    def _choose(self, node, outputs: list[str]) -> dict[str, Exact]:
        """A node whose results are elements of its first input, on their ranks; 0 has the rank 0."""
        x = self.tensors[node.input[0]]
        ranks, values, zero = x.numbers, None, 0
        if width_of(ranks) > 24:
            values = np.unique(np.append(ranks.reshape(-1), 0))
            zero = int(np.searchsorted(values, 0))
            ranks = np.searchsorted(values, ranks) - zero
        found = self._run_one(node, {node.input[0]: ranks.astype(F32)})
        whole = {name: found[name].astype(np.int64) for name in outputs}
        return {name: x.shaped(n if values is None else values[n + zero]) for name, n in whole.items()}

    def _in_float32(self, node, outputs: list[str]) -> dict[str, Exact]:
        """A node that qonnx runs on the exact numbers, rounded once, and on the ends of their intervals."""
        names = [name for name in dict.fromkeys(node.input) if name in self.tensors]
        middle = {name: self.tensors[name].floats() for name in names}
        kinds = {name: self.tensors[name].kind for name in names}
        found = self._run_one(node, {name: middle[name].astype(kinds[name]) for name in names})
        off = {name: self.tensors[name].rounding for name in names}
        if any(off.values()) or any(name in self.ends for name in names):
            ends = []
            for place, sign in enumerate((-1, 1)):
                given = {name: x + sign * off[name] for name, x in middle.items()}
                given |= {name: self.ends[name][place] for name in names if name in self.ends}
                ends.append(self._run_one(node, {name: given[name].astype(kinds[name]) for name in names}))
            for name in outputs:
                low, high = (one[name].astype(np.float64) for one in ends)
                if (low != high).any():
                    self.ends[name] = np.minimum(low, high), np.maximum(low, high)
        if node.op_type in QUANTISERS:
            return {outputs[0]: self._on_grid(node, found[outputs[0]])}
        return {name: exactly(found[name]) for name in outputs}


QUANTISERS = ("Quant", "BipolarQuant")
CHOOSING |= {
    "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "Split", "Identity",
    "Dropout",
}  # fmt: skip


@arithmetic("Add", "Sum")
def _sum(net, node, _at):
    return _added(*(net.read(node, k) for k in range(len(node.input))))


@arithmetic("Sub")
def _difference(net, node, _at):
    return _added(net.read(node, 0), _negated(net.read(node, 1)))


@arithmetic("Mul")
def _multiplied(net, node, _at):
    first = int(node.input[0] not in net.tensors)
    return _factored(net.read(node, first), net.read(node, 1 - first))


@arithmetic("Div")
def _divided(net, node, _at):
    x = net.read(node, 1)
    common = lcm(*{int(n) for n in abs(x.numbers).flat})
    numbers, unit = whole_numbers(common // x.numbers.astype(object)), 1 / (x.unit * common)
    return _factored(net.read(node, 0), replace(x, numbers=numbers, unit=unit))


@arithmetic("BatchNormalization")
def _batch_norm(net, node, at):
    x, (gamma, beta, mean, var) = net.read(node, 0), (net.constants[name] for name in node.input[1:5])
    shape = [-1, *[1] * (x.numbers.ndim - 2)]
    scale, offset = batch_norm(gamma, beta, mean, var, at.get("epsilon", 1e-5))
    return _added(_factored(x, exactly(scale.reshape(shape))), exactly(offset.reshape(shape)))


@arithmetic("DequantizeLinear")
def _dequantised(net, node, at):
    x, scale = net.read(node, 0), net.constants[node.input[1]]
    zero = net.constants[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros(1, np.int64)
    shape = [1] * x.numbers.ndim
    if scale.size > 1:
        shape[at.get("axis", 1)] = scale.size
    zero = zero.reshape(shape) if zero.size > 1 else zero.reshape([1] * x.numbers.ndim)
    x = replace(x, kind=FLOAT)
    return _factored(_added(x, _negated(exactly(zero))), exactly(scale.reshape(shape)))


@arithmetic("PRelu", "LeakyRelu")
def _bent(net, node, at):
    x = net.read(node, 0)
    slope = net.read(node, 1) if node.op_type == "PRelu" else exactly(F32(at.get("alpha", 0.01)))
    (whole, part), unit = on_one_unit(x, _factored(x, slope))
    numbers = np.where(x.numbers < 0, part, whole)
    return replace(x, numbers=numbers, unit=unit).rounded()


@arithmetic("Relu")
def _rectified(net, node, _at):
    x = net.read(node, 0)
    return x.shaped(np.maximum(x.numbers, 0))


@arithmetic("Max", "Min")
def _extreme(net, node, _at):
    given = [net.read(node, k) for k in range(len(node.input))]
    numbers, unit = on_one_unit(*given)
    extreme = np.maximum if node.op_type == "Max" else np.minimum
    found = numbers[0]
    for other in numbers[1:]:
        found = extreme(found, other)
    return replace(given[0], numbers=found, unit=unit, rounding=max(x.rounding for x in given))


@arithmetic("Pad")
def _bordered(net, node, at):
    x = net.read(node, 0)
    pads = at["pads"] if "pads" in at else net.constants[node.input[1]]
    there = len(node.input) > 2 and node.input[2]
    value = net.constants[node.input[2]].reshape(-1)[0] if there else F32(at.get("value", 0.0))
    (numbers, border), unit = on_one_unit(x, exactly(value))
    pads = np.array(pads, np.int64).reshape(2, -1).T
    if (mode := at.get("mode", b"constant").decode()) != "constant":
        return replace(x, numbers=with_ends(x.numbers, pads, mode))
    return replace(x, numbers=with_ends(numbers, pads, constant_values=border.item()), unit=unit)


def _of_products(net, node, x: Exact, weights: Exact, numbers, factor=1) -> Exact:
    """A sum of products, and the bias of its node, `factor` times; a new sum is rounded once."""
    found = Exact(numbers, x.unit * weights.unit).rounded()
    if len(node.input) < 3 or not node.input[2]:
        return found
    bias = net.constants[node.input[2]]
    bias = bias if factor == 1 else F32(factor) * bias.astype(F32)
    shape = [-1, *[1] * (found.numbers.ndim - 2)] if node.op_type.startswith("Conv") else bias.shape
    return _added(found, exactly(bias.reshape(shape)))


@arithmetic("Gemm", "MatMul")
def _dense(net, node, at):
    x, weights = net.read(node, 0), net.constant(node, 1)
    if at.get("transB", 0):
        weights = weights.shaped(weights.numbers.T)
    alpha = Fraction(at.get("alpha", 1.0))
    weights = replace(weights, unit=weights.unit * abs(alpha))
    weights = weights if alpha > 0 else _negated(weights)
    rows = x.numbers.reshape(-1, x.numbers.shape[-1])
    found = matrix_product(rows, weights.numbers).reshape(*x.numbers.shape[:-1], -1)
    return _of_products(net, node, x, weights, found, at.get("beta", 1.0))


def _image(x: np.ndarray) -> np.ndarray:
    """A row of pixels as an image of one row."""
    return x[:, :, None] if x.ndim == 3 else x


@arithmetic("Gather")
def _looked_up(net, node, at):
    """Entries of a constant table; elements of an activation are chosen like those of other moves."""
    if node.input[0] in net.tensors:
        return None
    index, table = net.read(node, 1), net.constant(node, 0)
    whole = index.numbers * index.unit.numerator // index.unit.denominator
    return table.shaped(table.numbers.take(whole.astype(np.int64), at.get("axis", 0)))


@arithmetic("Conv")
def _conv(net, node, at):
    x, weights = net.read(node, 0), net.constant(node, 1)
    pixels, kernels = _image(x.numbers), _image(weights.numbers)
    stride, dilation, pads = spatial(at, pixels.shape[2:], kernels.shape[2:])
    found = convolved(pixels, kernels, stride, dilation, pads, at.get("group", 1))
    return _of_products(net, node, x, weights, found if x.numbers.ndim == 4 else found[:, :, 0])


@arithmetic("ConvTranspose")
def _conv_transpose(net, node, at):
    """The convolution of the pixels, zeros between them, with mirrored kernels."""
    x, weights, groups = net.read(node, 0), net.constant(node, 1), at.get("group", 1)
    pixels, kernels = _image(x.numbers), _image(weights.numbers)
    usual = {"strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4}
    stride, dilation, pads = (list(at.get(key, given)) for key, given in usual.items())
    more = list(at.get("output_padding", [0, 0]))
    more = [0, *more] if len(more) == 1 else more
    size = [(n - 1) * s + 1 for n, s in zip(pixels.shape[2:], stride)]
    apart = np.zeros((*pixels.shape[:2], *size), pixels.dtype)
    apart[:, :, :: stride[0], :: stride[1]] = pixels
    inputs, outputs, *kernel = kernels.shape
    mirrored = kernels[..., ::-1, ::-1].reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    beside = [reach[0] - pads[0], reach[1] - pads[1]]
    beside += [reach[0] - pads[2] + more[0], reach[1] - pads[3] + more[1]]
    mirrored = mirrored.reshape(-1, inputs // groups, *kernel)
    found = convolved(apart, mirrored, [1, 1], dilation, beside, groups)
    return _of_products(net, node, x, weights, found if x.numbers.ndim == 4 else found[:, :, 0])


@arithmetic("AveragePool")
def _averaged(net, node, at):
    x = net.read(node, 0)
    pixels = np.moveaxis(_image(x.numbers), 1, -1)
    (stride, dilation, pads), _ = pool_windows(node, at, pixels.shape[1:])
    kernel, beside = list(at["kernel_shape"]), [(0, 0), pads[::2], pads[1::2], (0, 0)]
    bits = width_of(pixels) + prod(kernel).bit_length()
    sums = windows(np.pad(as_width(pixels, bits), beside), kernel, stride, dilation).sum((3, 4))
    ones = np.ones((1, *pixels.shape[1:3], 1), np.int64)
    counted = np.pad(ones, beside, constant_values=int(bool(at.get("count_include_pad", 0))))
    divisors = windows(counted, kernel, stride, dilation).sum((3, 4))
    common = lcm(*map(int, divisors.flat))
    found = np.moveaxis(times(sums, common // divisors), -1, 1)
    found = found if x.numbers.ndim == 4 else found[:, :, 0]
    return Exact(found, x.unit / common).rounded()


@arithmetic("GlobalAveragePool", "ReduceMean")
def _mean(net, node, at):
    x = net.read(node, 0)
    axes = at.get("axes")
    if len(node.input) > 1 and node.input[1]:
        axes = net.constants[node.input[1]]
    rank = x.numbers.ndim
    chosen = tuple(range(2, rank)) if axes is None else tuple(int(a) % rank for a in axes)
    count = prod(x.numbers.shape[axis] for axis in chosen)
    numbers = as_width(x.numbers, width_of(x.numbers) + count.bit_length())
    total = numbers.sum(chosen, keepdims=bool(at.get("keepdims", 1)))
    return Exact(np.asarray(total), x.unit / count).rounded()
