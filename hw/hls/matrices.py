"""Shared by all operators that multiply: Conv2D or Dense, then counts, sums or thresholds.

A window is no layer of its own: it is kept with the tensor until a matrix reads it, as one Conv2D.
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from hls4ml.model.quantizers import BinaryQuantizer

from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import signed_bits

from .net import Kernel, Net, Wire, integer


def matrix(net: Net, op: HwOp, source: Wire, weights: np.ndarray, w_bits: int, length: int = 0) -> list[Wire]:
    """An operator with weights (n_in, n_out): ±1 if `w_bits` is 1, else integers of `w_bits` bits;
    with `length`, of that many bit products."""
    span = (-length, length) if length else op.result_range()
    cycles = op.cycles() * weights.shape[1] // prod(op.out_stream().shape)
    return [_results(net, op, _dot_products(net, source, weights, w_bits, span, cycles), length)]


def of_matrix(net: Net, op: Any, source: Wire) -> list[Wire]:
    """An operator that states itself as a matrix (`HwOp.matrix`), whose bits are the numbers 0 and 1."""
    given = op.matrix()
    source = as_numbers(net, source) if op.in_bits == 1 else source
    return matrix(net, op, source, given.weights, given.weight_bits)


def _dot_products(
    net: Net, source: Wire, weights: np.ndarray, w_bits: int, span: tuple[int, int], cycles: int
) -> Wire:
    source, (n_in, n_out), bits = _without_row_stride(net, source), weights.shape, signed_bits(*span)
    net.weights[f"{net.stem}_dot"] = weights
    dense = source.window is None and prod(source.shape) == n_in
    binary = (source.bits, source.signed, w_bits) == (1, False, 1)
    precision = {"accum": integer(n_in.bit_length(), False) if binary else integer(bits, True)}
    precision["result"] = integer(bits, True)
    if w_bits > 1:
        # Two signed bits are ternary to hls4ml, which takes -2 for +1.
        precision["weight"] = integer(max(w_bits, 3), True)
    # hls4ml's convolution of arrays reads beyond the window where a factor is above n_in.
    most = cycles if dense or net.io == "io_stream" else min(cycles, n_in)
    reuse = max(factor for factor in net.legal(n_in, n_out) if factor <= most)
    config = {"Precision": precision, "Strategy": "resource", "ReuseFactor": reuse, "Trace": True}
    given = {"weight_quantizer": BinaryQuantizer(1) if w_bits == 1 else None, "bias_data": None}
    if dense:
        wire, source = Wire("", (n_out,), bits, True), net.shaped(source, [n_in])
        given |= {"n_in": n_in, "n_out": n_out, "weight_data": weights.astype(float)}
        return net.layer("Dense", "dot", [source], wire, config, **given)
    if len(source.shape) != 3:
        source = net.shaped(source, [prod(source.shape[:-1]), 1, source.shape[-1]])
    (height, width, channels), (kh, kw), (sh, sw) = source.shape, *_steps(source)
    out = (height - kh) // sh + 1, (width - kw) // sw + 1
    given |= {"in_height": height, "in_width": width, "n_chan": channels, "n_filt": n_out}
    given |= {"filt_height": kh, "filt_width": kw, "stride_height": sh, "stride_width": sw}
    given |= {"out_height": out[0], "out_width": out[1], "data_format": "channels_last"}
    given |= {f"pad_{side}": 0 for side in ("top", "bottom", "left", "right")}
    given["weight_data"] = weights.reshape(kh, kw, channels, n_out).astype(float)
    return net.layer("Conv2D", "dot", [source], Wire("", (*out, n_out), bits, True), config, **given)


def _steps(source: Wire) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernel and stride of the window over a tensor."""
    if source.window is None:
        return (1, 1), (1, 1)
    return source.window.kernel, source.window.stride


def _without_row_stride(net: Net, source: Wire) -> Wire:
    """A window one pixel high, after a layer that removes the rows that hls4ml's streams do not skip."""
    (kh, kw), (sh, sw) = _steps(source)
    if source.window is None or kh > 1 or (sh, sw) == (1, 1):
        return source
    taken, left = ((sh, sw), (1, 1)) if kw == 1 else ((sh, 1), (1, sw))
    wire = net.pool("rows", replace(source, window=None), (1, 1), taken, 1, source.bits, source.signed)
    return replace(wire, window=Kernel(source.window.name, (kh, kw), left))


def as_numbers(net: Net, source: Wire) -> Wire:
    """Bits that count as 0 and 1, with a second bit added: to hls4ml a single bit means -1 or +1."""
    return replace(net.scaled("numbers", replace(source, window=None), 2, False), window=source.window)


def _results(net: Net, op: HwOp, dots: Wire, length: int = 0) -> Wire:
    """The operator's function of its dot products; with `length`, of bit products: 2 * matches - length."""
    thresholds = op.arrays_of.get("thresholds")
    if thresholds is not None:
        thresholds = np.asarray(thresholds).astype(np.int64)[:, None]
        return net.thresholds("threshold", dots, 2 * thresholds - length if length else thresholds)
    if length:
        return net.pixels("matches", "xf_matches", dots, length.bit_length(), False, [length])
    sink = op.out_stream()
    return dots if dots.bits <= sink.bits else net.scaled("fit", dots, sink.bits, sink.signed)
