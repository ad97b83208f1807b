"""The network during conversion: hls4ml's layers, and which of them hold tensors of the folded graph."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints, Record
from xnorforge.hw.ops.base import HwOp, Stream

from .layers import table_values


@dataclass(frozen=True)
class Kernel:
    """A sliding window, without pads or dilation.

    Attributes:
        name: of the operator, for messages.
        kernel, stride: rows and columns.
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Wire:
    """A tensor in hls4ml: the result of a layer, and a window over it that no matrix has read yet.

    Attributes:
        layer: its name.
        shape: in hls4ml's order, channels last, without batch.
        bits, signed: of an element.
        window: over the tensor, which already includes the window's pads.
    """

    layer: str
    shape: tuple[int, ...]
    bits: int
    signed: bool
    window: Kernel | None = None


@dataclass
class Net:
    """The layers so far.

    Attributes:
        io: "io_parallel" or "io_stream".
        legal: (n_in, n_out) of a matrix -> reuse factors that hls4ml allows, ascending.
        layers, config: hls4ml's layer list, and the configuration of each layer by name.
        at: {tensor of the folded graph: its wire}.
        weights: {layer: integers (n_in, n_out)} of the matrices in the folded graph.
        results: {layer: (operator, tensor)} for layers whose result is a whole tensor of the folded graph.
        stem: prefix of the layer names of the current operator.
    """

    io: str
    legal: Callable[[int, int], Iterable[int]]
    layers: list[Record] = field(default_factory=list)
    config: dict[str, Record] = field(default_factory=dict)
    at: dict[str, Wire] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    results: dict[str, tuple[HwOp, str]] = field(default_factory=dict)
    stem: str = ""

    def layer(
        self, kind: str, suffix: str, sources: list[Wire], wire: Wire, config: Record, **attributes: Any
    ) -> Wire:
        """Append a layer of the class `kind`; `wire` is its result, named here."""
        name = f"{self.stem}_{suffix}" if suffix else self.stem
        given = {"class_name": kind, "name": name, "inputs": [source.layer for source in sources]}
        self.layers.append(given | attributes)
        self.config[name] = config
        return replace(wire, layer=name)

    def input(self, name: str, stream: Stream) -> Wire:
        """Append an input."""
        self.stem, wire = name, Wire(name, stream.shape, stream.bits, stream.signed)
        config = {"Precision": {"result": integer(stream.bits, stream.signed)}}
        return self.layer("InputLayer", "", [], wire, config, input_shape=list(stream.shape))

    def shaped(self, source: Wire, shape: Ints) -> Wire:
        """The same elements in another shape: flattened, or with the same channels."""
        if source.shape == tuple(shape):
            return source
        if len(shape) == 1:
            wire = replace(source, shape=tuple(shape))
            return self.layer("Reshape", "shape", [source], wire, {"Trace": False}, target_shape=list(shape))
        # hls4ml's Repack, which other shapes become in io_stream, gives wrong bits.
        sizes: Record = {"n_pixels": prod(shape[:-1]), "n_chan": shape[-1]}
        kind = source.bits, source.signed, np.ones(shape[-1]), "xf_scale"
        return self.xf("shape", "xf_pixels", [source], shape, *kind, **sizes)

    def xf(
        self, suffix: str, function: str, sources: list[Wire], shape: Ints, bits: int, signed: bool,
        table: ArrayLike | None = None, op: str | None = None, **numbers: int,
    ) -> Wire:  # fmt: skip
        """Append a layer of ours."""
        wire = Wire("", tuple(shape), bits, signed)
        kind = {"out_shape": wire.shape, "bits": bits, "signed": signed}
        given = {"function": function, "op": op, "numbers": numbers}
        given["table_data"] = None if table is None else table_values(table)
        return self.layer("XfLayer", suffix, sources, wire, {"Trace": True}, **kind, **given)

    def pixels(
        self, suffix: str, op: str, source: Wire, bits: int, signed: bool, table: ArrayLike | None,
        **numbers: int,
    ) -> Wire:  # fmt: skip
        """Append a layer of ours that works pixel by pixel."""
        sizes: Record = {"n_pixels": prod(source.shape[:-1]), "n_chan": source.shape[-1]}
        sizes |= numbers
        return self.xf(suffix, "xf_pixels", [source], source.shape, bits, signed, table, op, **sizes)

    def scaled(self, suffix: str, source: Wire, bits: int, signed: bool, factors: ArrayLike = 1) -> Wire:
        """Append products with a factor, or one per channel, modulo 2^bits."""
        table = np.broadcast_to(factors, source.shape[-1])
        return self.pixels(suffix, "xf_scale", source, bits, signed, table)

    def thresholds(self, suffix: str, source: Wire, thresholds: np.ndarray, direction: ArrayLike = 1) -> Wire:
        """Append comparisons: thresholds (C, steps), directions (C,), or one row for all channels."""
        steps = np.shape(thresholds)[1]
        rows = np.broadcast_to(thresholds, (source.shape[-1], steps))
        table = np.vstack([np.broadcast_to(direction, len(rows)), rows.T])
        return self.pixels(suffix, "xf_levels", source, steps.bit_length(), False, table, steps=steps)

    def pool(
        self, suffix: str, source: Wire, kernel: Ints, stride: Ints, direction: ArrayLike, bits: int,
        signed: bool,
    ) -> Wire:  # fmt: skip
        """Append maxima (direction +1), minima (-1) or sums (0) of windows, the kernel at most the stride."""
        (height, width, channels), (kh, kw), (sh, sw) = source.shape, kernel, stride
        sizes: Record = {"height": height, "width": width, "n_chan": channels, "kernel_height": kh}
        sizes |= {"kernel_width": kw, "stride_height": sh, "stride_width": sw}
        sizes |= {"out_height": (height - kh) // sh + 1, "out_width": (width - kw) // sw + 1}
        shape = (sizes["out_height"], sizes["out_width"], channels)
        table = np.broadcast_to(direction, channels)
        return self.xf(suffix, "xf_pool", [source], shape, bits, signed, table, **sizes)


def integer(bits: int, signed: bool) -> str:
    """hls4ml's name of an integer type."""
    return f"ap_{'' if signed else 'u'}int<{bits}>"


def refused(op: HwOp, why: str, cure: str) -> UserError:
    """The error for an operator that hls4ml cannot express."""
    return UserError(f"hls4ml: {op.name} ({type(op).__name__}) {why}; {cure}.")


def without_window(op: HwOp, source: Wire) -> Wire:
    """A tensor that `op` reads without a window.

    Raises:
        UserError: it has a window.
    """
    if source.window is not None:
        cure = "in hls4ml only matrices and pools can read windows; build it with BACKEND=rtl"
        raise refused(op, f"reads the window {source.window.name}", cure)
    return source


def append_pool(net: Net, op: HwOp, source: Wire, direction: ArrayLike) -> Wire:
    """Append the layer of a pool of the image that it reads; direction as of `Net.pool`.

    Raises:
        UserError: its windows overlap, or are a tensor that other operators also read.
    """
    kernel, stride, window = op.get_nodeattr("kernel"), op.get_nodeattr("stride"), source.window
    sink = op.out_stream()
    if op.get_nodeattr("windows"):
        if window is None:
            raise refused(op, "pools windows without an image", "make it the only reader of the window")
        if any(k > s for k, s in zip(window.kernel, window.stride)):
            why = f"pools windows of {list(window.kernel)} with stride {list(window.stride)}, which overlap"
            raise refused(op, why, f"hls4ml's layer cannot keep rows; use stride {list(window.kernel)}")
        image, stride = replace(source, window=None), list(window.stride)
    else:
        image = net.shaped(without_window(op, source), op.get_nodeattr("ifm"))
    return net.pool("", image, kernel, stride, direction, sink.bits, sink.signed)
