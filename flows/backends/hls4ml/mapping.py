"""From operators to hls4ml layers: one rule per operator.

Tensors of the folded graph become results of layers, channels last on both sides, so that nothing is transposed. A window
is no layer: it stays with the tensor until a matrix reads it, and both are one Conv2D.
"""

import re
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from hls4ml.model.quantizers import BinaryQuantizer

from xnorforge.errors import UserError
from xnorforge.flows.backends.hls4ml.layers import integers
from xnorforge.hw.ops._streams import value_range
from xnorforge.hw.ops.base import HwOp, Stream

MOST_READERS = 7  # that hls4ml can clone a stream for


@dataclass(frozen=True)
class Wire:
    """A tensor in hls4ml: the result of `layer`, of which `shape` as hls4ml has it, its elements, and a window not yet taken."""

    layer: str
    shape: tuple[int, ...]
    bits: int
    signed: bool
    window: HwOp | None = None

    @property
    def range(self) -> tuple[int, int]:
        return value_range(self.bits, self.signed)


@dataclass
class Net:
    """Layers so far, in hls4ml's own form, their configuration, and where the tensors of the folded graph are.

    Attributes:
        weights: {layer: integers (n_in, n_out)} of the matrices as the folded graph has them.
        results: {layer: (operator, tensor)} where a layer's result is a whole tensor of the folded graph.
    """

    io: str
    legal: object  # (n_in, n_out) -> reuse factors that hls4ml allows
    layers: list[dict] = field(default_factory=list)
    config: dict[str, dict] = field(default_factory=dict)
    at: dict[str, Wire] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    results: dict[str, tuple[HwOp, str]] = field(default_factory=dict)
    stem: str = ""  # of the names of the layers being made

    def layer(self, kind: str, suffix: str, sources, wire_of, config=None, **attributes) -> Wire:
        """Append a layer of the class `kind`; `wire_of(name)` is its result."""
        name = f"{self.stem}_{suffix}" if suffix else self.stem
        given = {"class_name": kind, "name": name, "inputs": [source.layer for source in sources]}
        self.layers.append(given | attributes)
        self.config[name] = {"Trace": True} | (config or {})
        return wire_of(name)

    def xf(self, suffix, function, sources, shape, bits, signed, table=None, op=None, **numbers) -> Wire:
        """Append a layer of ours."""
        return self.layer(
            "XfLayer",
            suffix,
            sources,
            lambda name: Wire(name, tuple(shape), bits, signed),
            function=function,
            op=op,
            out_shape=tuple(shape),
            bits=bits,
            signed=signed,
            table_data=None if table is None else integers(table),
            numbers=numbers,
        )

    def pixels(self, suffix, op, source, bits, signed, table, **numbers) -> Wire:
        """Append a layer that works pixel by pixel."""
        sizes = {"n_pixels": prod(source.shape[:-1]), "n_chan": source.shape[-1]}
        return self.xf(suffix, "xf_pixels", [source], source.shape, bits, signed, table, op, **sizes, **numbers)

    def thresholds(self, suffix, source: Wire, thresholds, direction=None) -> Wire:
        """Append comparisons: thresholds (C, steps), directions (C,), all +1 where absent."""
        direction = np.ones(len(thresholds)) if direction is None else direction
        table = np.concatenate([[direction], np.asarray(thresholds).T])
        steps = len(table) - 1
        return self.pixels(suffix, "xf_threshold", source, steps.bit_length(), False, table, steps=steps)


def refused(op: HwOp, why: str, cure: str) -> UserError:
    """The error for an operator that hls4ml cannot express."""
    return UserError(f"hls4ml: {op.name} ({type(op).__name__}) {why}; {cure}.")


def network(ops: list[HwOp], io: str, legal) -> Net:
    """The layers of a folded graph.

    Args:
        ops: its operators, as `hw.graph.operators` gives them.
        io: "io_parallel" or "io_stream".
        legal: (inputs, outputs) of a matrix -> the reuse factors that hls4ml allows, ascending.

    Raises:
        UserError: hls4ml cannot express the node that the text names, and why.
    """
    net = Net(io, legal)
    net.at[ops[0].sources[0]] = input_of(net, "pixels_in", ops[0].in_stream())
    for index, op in enumerate(ops):
        if type(op).__name__ == "TopK" and op is ops[-1]:
            break  # the host's work
        if type(op).__name__ not in RULES:
            raise refused(op, "has no layer in hls4ml", "build it with BACKEND=rtl")
        net.stem = f"layer_{index:02d}_{re.sub(r'[^A-Za-z0-9_]', '_', op.name)}"
        wires = RULES[type(op).__name__](net, op, [net.at[tensor] for tensor in op.sources])
        net.at.update(zip(op.results, wires))
        if len(wires) == 1 and wires[0].window is None:
            net.results.setdefault(wires[0].layer, (op, op.results[0]))
    _check_readers(net)
    return net


def input_of(net: Net, name: str, stream: Stream) -> Wire:
    """Append an input."""
    net.stem = name
    wire = lambda made: Wire(made, stream.shape, stream.bits, stream.signed)
    precision = {"Precision": {"result": _ap(stream.bits, stream.signed)}}
    return net.layer("InputLayer", "", [], wire, precision, input_shape=list(stream.shape))


def _check_readers(net: Net) -> None:
    """hls4ml copies a stream up to seven times."""
    for name, (op, _) in net.results.items():
        readers = sum(layer["inputs"].count(name) for layer in net.layers)
        if net.io == "io_stream" and readers > MOST_READERS:
            raise refused(op, f"has {readers} readers and hls4ml copies a stream for {MOST_READERS}", "use io_parallel")


def _ap(bits: int, signed: bool) -> str:
    return f"ap_{'' if signed else 'u'}int<{bits}>"


def _signed(low: int, high: int) -> int:
    """Bits of two's complement that hold low .. high."""
    return max(high, -low - 1).bit_length() + 1


def _plain(op: HwOp, source: Wire) -> Wire:
    """A tensor that is read as it is.

    Raises:
        UserError: a window lies over it.
    """
    if source.window is not None:
        raise refused(op, f"reads the window {source.window.name}", "only matrices read windows in hls4ml")
    return source


def same(net, op, sources):
    """Fifo, Width, Fork: the tensor itself, for every reader."""
    return [sources[0]] * op.outputs


def window(net, op, sources):
    """Pads are a layer, dilation does not exist, the rest waits for its matrix."""
    source = _shaped(net, _plain(op, sources[0]), op.get_nodeattr("ifm"))
    if list(op.get_nodeattr("dilation")) != [1, 1]:
        raise refused(op, f"has dilation={list(op.get_nodeattr('dilation'))}", "hls4ml's Conv2D knows none, use [1, 1]")
    top, left, bottom, right = op.get_nodeattr("pads")
    (height, width, channels), value = op.get_nodeattr("ifm"), op.get_nodeattr("pad_value")
    if max(top, left, bottom, right):
        sizes = {"height": height, "width": width, "n_chan": channels}
        sizes |= {"out_height": height + top + bottom, "out_width": width + left + right}
        shape = sizes["out_height"], sizes["out_width"], channels
        kind = source.bits, source.signed
        source = net.xf("pad", "xf_pad", [source], shape, *kind, **sizes, top=top, left=left, value=value)
    return [replace(source, window=op)]


def matrix(net, op, sources):
    """XnorMvu, ByteMvu, IntMvu: Dense or Conv2D, then counts from dot products, or thresholds."""
    weights = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    xnor, bits = type(op).__name__ == "XnorMvu", type(op).__name__ != "IntMvu"
    if not bits and op.in_bits == 1 and not op.bipolar:
        sources = [_numbers(net, sources[0])]
    cycles = op.cycles() // op.get_nodeattr("vectors")
    wide = None if bits else op.weight_bits
    low, high = (-len(weights), len(weights)) if xnor else op.result_range()
    source = _shrunk(net, sources[0])
    wire = _products(net, op, source, 2 * weights - 1 if bits else weights, wide, (low, high), cycles)
    if xnor:
        return [_counted(net, op, wire, len(weights))]
    if op.raw:
        return [_fitted(net, wire, op)]
    return [net.thresholds("threshold", wire, op.arrays_of["thresholds"][:, None])]


def depthwise(net, op, sources):
    """Depthwise: a Conv2D whose weights between channels are 0."""
    given = np.asarray(op.arrays_of["weights"]).astype(np.int64)
    taps, channels = given.shape
    weights = np.zeros((taps, channels, channels), np.int64)
    weights[:, np.arange(channels), np.arange(channels)] = 2 * given - 1
    xnor = op.get_nodeattr("xnor")
    if op.get_nodeattr("in_bits") == 1 and not xnor:
        sources = [_numbers(net, sources[0])]
    span = (-taps, taps) if xnor else op.result_range()
    pixels = prod(op.get_nodeattr("ofm")[:2])
    source = _shrunk(net, sources[0])
    wire = _products(net, op, source, weights.reshape(-1, channels), 2, span, op.cycles() // pixels)
    if xnor:
        return [_counted(net, op, wire, taps)]
    if op.raw:
        return [_fitted(net, wire, op)]
    return [net.thresholds("threshold", wire, op.arrays_of["thresholds"][:, None])]


def _products(net, op, source: Wire, weights, w_bits, span, cycles: int) -> Wire:
    """A matrix (n_in, n_out) of ±1, or of integers of `w_bits` bits, as Dense or Conv2D; results within `span`."""
    (n_in, n_out), bits = weights.shape, _signed(*span)
    net.weights[f"{net.stem}_dot"] = weights
    dense = source.window is None and prod(source.shape) == n_in
    # hls4ml's convolution of arrays reads beyond the window where a factor is above n_in.
    most = max(1, cycles if dense or net.io == "io_stream" else min(cycles, n_in))
    binary = source.bits == 1 and w_bits is None
    precision = {"accum": _ap(n_in.bit_length(), False) if binary else _ap(bits, True), "result": _ap(bits, True)}
    if w_bits:
        # Two signed bits are ternary to hls4ml, which takes -2 for +1.
        precision["weight"] = _ap(max(w_bits, 3), True)
    reuse = max(factor for factor in net.legal(n_in, n_out) if factor <= most)
    config = {"Precision": precision, "Strategy": "Resource", "ReuseFactor": reuse}
    common = {"weight_quantizer": None if w_bits else BinaryQuantizer(1), "bias_data": None}
    if dense:
        source, sizes = _shaped(net, source, [n_in]), {"n_in": n_in, "n_out": n_out}
        wire = lambda made: Wire(made, (n_out,), bits, True)
        return net.layer("Dense", "dot", [source], wire, config, weight_data=weights.astype(float), **sizes, **common)
    if len(source.shape) != 3:
        source = _shaped(net, source, [prod(source.shape[:-1]), 1, source.shape[-1]])
    (height, width, channels), kernel, stride = source.shape, (1, 1), (1, 1)
    if source.window is not None:
        kernel, stride = tuple(source.window.get_nodeattr("kernel")), tuple(source.window.get_nodeattr("stride"))
    out = (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1
    sizes = {"in_height": height, "in_width": width, "n_chan": channels, "n_filt": n_out}
    sizes |= {"filt_height": kernel[0], "filt_width": kernel[1], "out_height": out[0], "out_width": out[1]}
    sizes |= {"stride_height": stride[0], "stride_width": stride[1]}
    sizes |= {f"pad_{side}": 0 for side in ("top", "bottom", "left", "right")}
    data = weights.reshape(*kernel, channels, n_out).astype(float)
    wire = lambda made: Wire(made, (*out, n_out), bits, True)
    return net.layer(
        "Conv2D", "dot", [source], wire, config, weight_data=data, data_format="channels_last", **sizes, **common
    )


def _shaped(net, source: Wire, shape) -> Wire:
    """The same elements in another shape."""
    if source.shape == tuple(shape):
        return source
    wire = lambda made: replace(source, layer=made, shape=tuple(shape))
    return net.layer("Reshape", "shape", [source], wire, {"Trace": False}, target_shape=list(shape))


def _counted(net, op, wire: Wire, length: int) -> Wire:
    """Thresholds on matches m, or m itself, from the dot product 2 m - length."""
    if "thresholds" in op.arrays_of:
        return net.thresholds("threshold", wire, 2 * op.arrays_of["thresholds"][:, None].astype(np.int64) - length)
    return net.pixels("matches", "xf_matches", wire, length.bit_length(), False, [length])


def _fitted(net, wire: Wire, op) -> Wire:
    """Sums, in as many bits as the operator's stream has."""
    return wire if wire.bits <= op.out_stream().bits else _scaled(net, wire, op.out_stream())


def _numbers(net, source: Wire) -> Wire:
    """Bits that count as 0 and 1: to hls4ml a bit is -1 or +1, so they get a second one."""
    wire = net.pixels("numbers", "xf_scale", replace(source, window=None), 2, False, np.ones(source.shape[-1]))
    return replace(wire, window=source.window)


def _shrunk(net, source: Wire) -> Wire:
    """A window one pixel high with a vertical stride, which hls4ml's streams leave out, behind a layer that takes the rows."""
    if source.window is None:
        return source
    (kh, kw), stride = source.window.get_nodeattr("kernel"), list(source.window.get_nodeattr("stride"))
    if kh > 1 or stride == [1, 1]:
        return source
    rows = [stride[0], stride[1] if kw == 1 else 1]
    wire = _pooled(net, "rows", replace(source, window=None), (1, 1), rows, np.ones(source.shape[-1]), source)
    kept = {"stride": [1, 1 if kw == 1 else stride[1]], "kernel": [kh, kw]}
    window = type(source.window).make(source.window.name, ifm=list(wire.shape), **kept)
    return replace(wire, window=window)


def _pooled(net, suffix, source: Wire, kernel, stride, direction, result) -> Wire:
    height, width, channels = source.shape
    out = (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1
    sizes = {"height": height, "width": width, "n_chan": channels, "out_height": out[0], "out_width": out[1]}
    sizes |= {"kernel_height": kernel[0], "kernel_width": kernel[1]}
    sizes |= {"stride_height": stride[0], "stride_width": stride[1]}
    kind = result.bits, result.signed
    return net.xf(suffix, "xf_pool", [source], (*out, channels), *kind, direction, **sizes)


def pool(net, op, sources):
    """OrPool, MaxPool, SumPool."""
    kind, channels = type(op).__name__, op.get_nodeattr("ifm")[2]
    direction = np.full(channels, {"OrPool": 1, "MaxPool": 1, "SumPool": 0}[kind])
    if kind == "OrPool" and op.get_nodeattr("all"):
        direction = -direction
    if kind == "MaxPool":
        direction = np.where(op.turned(), -1, 1)
    kernel, stride = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    source = _shaped(net, _plain(op, sources[0]), op.get_nodeattr("ifm"))
    return [_pooled(net, "", source, kernel, stride, direction, op.out_stream())]


def threshold(net, op, sources):
    thresholds, direction = op.tables()
    return [net.thresholds("", _plain(op, sources[0]), thresholds, direction)]


def requantise(net, op, sources):
    numbers = {"shift": op.get_nodeattr("shift"), "levels": op.get_nodeattr("levels")}
    return [_pixelwise(net, op, sources, "xf_requantise", np.stack(op.tables()), **numbers)]


def clip(net, op, sources):
    at, direction = op.tables()
    return [_pixelwise(net, op, sources, "xf_clip", np.stack([direction, at]), mul=op.get_nodeattr("mul"))]


def border(net, op, sources):
    table, (height, width, _) = op.table(), op.get_nodeattr("in_shape")
    given = np.concatenate([table.ravel(), op.get_nodeattr("rows"), op.get_nodeattr("columns")])
    sizes = {"height": height, "width": width, "column_classes": table.shape[1], "mul": op.get_nodeattr("mul")}
    return [_pixelwise(net, op, sources, "xf_border", given, **sizes)]


def interact(net, op, sources):
    """p~, and a comparison behind it where the operator has thresholds."""
    influence, thresholds, direction = op.tables()
    low, high = op.result_range()
    top, n0, unit = int(abs(influence).max()), op.get_nodeattr("n0"), op.get_nodeattr("unit")
    numbers = {"group": influence.shape[1], "n0": n0, "unit": unit, "top": max(top, 1)}
    numbers |= {"scale": op.scale, "offset": op.offset, "sum_bits": _signed(low, high)}
    source = _plain(op, sources[0])
    suffix = "" if thresholds is None else "sum"
    wire = net.pixels(suffix, "xf_interact", source, _signed(low, high), True, influence, **numbers)
    return [wire if thresholds is None else net.thresholds("threshold", wire, thresholds[:, None], direction)]


def join(net, op, sources):
    """Two streams at a time; sums modulo 2^out_bits may be taken modulo at every step."""
    sink, table = op.out_stream(), op.table()
    if len(sources) == 1:
        return [_scaled(net, _plain(op, sources[0]), sink, table, "")]
    wire, factors = _plain(op, sources[0]), table[0]
    for index, (source, row) in enumerate(zip(sources[1:], table[1:]), 2):
        suffix, source = "" if index == len(sources) else f"sum{index}", _plain(op, source)
        sizes = {"n_pixels": prod(sink.shape[:-1]), "n_chan": sink.shape[-1]}
        given = np.stack([factors, row])
        wire = net.xf(suffix, "xf_join", [wire, source], sink.shape, sink.bits, sink.signed, given, **sizes)
        factors = np.ones_like(row)
    return [wire]


def concat(net, op, sources):
    """Two streams at a time."""
    sink, wire = op.out_stream(), _plain(op, sources[0])
    for index, source in enumerate(sources[1:], 2):
        suffix, source = "" if index == len(sources) else f"part{index}", _plain(op, source)
        sizes = {"n_pixels": prod(sink.shape[:-1]), "n_chan": wire.shape[-1], "other_chan": source.shape[-1]}
        shape = *sink.shape[:-1], wire.shape[-1] + source.shape[-1]
        wire = net.xf(suffix, "xf_concat", [wire, source], shape, sink.bits, sink.signed, **sizes)
    return [wire if len(sources) > 1 else _scaled(net, wire, sink)]


def upsample(net, op, sources):
    (height, width, channels), (fy, fx) = op.get_nodeattr("ifm"), op.get_nodeattr("factor")
    sizes = {"height": height, "width": width, "n_chan": channels, "factor_height": fy, "factor_width": fx}
    sink = op.out_stream()
    return [net.xf("", "xf_upsample", [_plain(op, sources[0])], sink.shape, sink.bits, sink.signed, **sizes)]


def _pixelwise(net, op, sources, name, table, **numbers) -> Wire:
    sink = op.out_stream()
    return net.pixels("", name, _plain(op, sources[0]), sink.bits, sink.signed, table, **numbers)


def _scaled(net, source: Wire, sink, table=None, suffix="fit") -> Wire:
    """Products with one multiplier per channel (1 where none are given), modulo 2^bits of the sink."""
    table = np.ones(source.shape[-1]) if table is None else table
    return net.pixels(suffix, "xf_scale", source, sink.bits, sink.signed, table)


RULES = {
    "Fifo": same, "Width": same, "Fork": same, "Window": window, "XnorMvu": matrix, "ByteMvu": matrix,
    "IntMvu": matrix, "Depthwise": depthwise, "OrPool": pool, "MaxPool": pool, "SumPool": pool, "Threshold": threshold,
    "Requantise": requantise, "Clip": clip, "Border": border, "Interact": interact, "Join": join, "Concat": concat,
    "Upsample": upsample,
}  # fmt: skip
