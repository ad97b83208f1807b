"""From operators to layers: one rule per operator.

A rule takes the net, the operator and where its inputs are, and says where its outputs are. Tensors are
channels last on both sides, so that nothing is transposed.
"""

import re
from math import prod

import numpy as np

from xnorforge.flows.backends.hls4ml.matrices import depthwise, matrix, window
from xnorforge.flows.backends.hls4ml.net import Net, Wire, plain, refused, signed_bits
from xnorforge.hw.ops.base import HwOp

MOST_READERS = 7  # that hls4ml can clone a stream for


def network(ops: list[HwOp], io: str, legal) -> Net:
    """The layers of a folded graph.

    Args:
        ops: its operators, as `hw.graph.operators` gives them.
        io: "io_parallel" or "io_stream".
        legal: (n_in, n_out) of a matrix -> the reuse factors that hls4ml allows, ascending.

    Raises:
        UserError: hls4ml cannot express the node that the text names, and why.
    """
    net = Net(io, legal)
    net.at[ops[0].sources[0]] = net.input("pixels_in", ops[0].in_stream())
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


def _check_readers(net: Net) -> None:
    """hls4ml copies a stream up to seven times."""
    for name, (op, _) in net.results.items():
        readers = sum(layer["inputs"].count(name) for layer in net.layers)
        if net.io == "io_stream" and readers > MOST_READERS:
            raise refused(
                op, f"has {readers} readers and hls4ml copies a stream for {MOST_READERS}", "use io_parallel"
            )


def same(net, op, sources):
    """Fifo, Width, Fork: the tensor itself, for every reader."""
    return [sources[0]] * op.outputs


def pool(net, op, sources):
    """OrPool, MaxPool, SumPool."""
    kind = type(op).__name__
    direction = 0 if kind == "SumPool" else 1
    if kind == "OrPool" and op.get_nodeattr("all"):
        direction = -1
    if kind == "MaxPool":
        direction = np.where(op.turned(), -1, 1)
    source, sink = net.shaped(plain(op, sources[0]), op.get_nodeattr("ifm")), op.out_stream()
    steps = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    return [net.pool("", source, *steps, direction, sink.bits, sink.signed)]


def threshold(net, op, sources):
    return [net.thresholds("", plain(op, sources[0]), *op.tables())]


def requantise(net, op, sources):
    numbers = {"shift": op.get_nodeattr("shift"), "levels": op.get_nodeattr("levels")}
    return [_pixels(net, op, sources, "xf_requantise", np.stack(op.tables()), **numbers)]


def clip(net, op, sources):
    at, direction = op.tables()
    return [_pixels(net, op, sources, "xf_clip", np.stack([direction, at]), mul=op.get_nodeattr("mul"))]


def border(net, op, sources):
    table, (height, width, _) = op.table(), op.get_nodeattr("in_shape")
    given = np.concatenate([table.ravel(), op.get_nodeattr("rows"), op.get_nodeattr("columns")])
    sizes = {
        "height": height,
        "width": width,
        "column_classes": table.shape[1],
        "mul": op.get_nodeattr("mul"),
    }
    return [_pixels(net, op, sources, "xf_border", given, **sizes)]


def _pixels(net, op, sources, name, table, **numbers) -> Wire:
    sink = op.out_stream()
    return net.pixels("", name, plain(op, sources[0]), sink.bits, sink.signed, table, **numbers)


def interact(net, op, sources):
    """p~, and a comparison behind it where the operator has thresholds."""
    influence, thresholds, direction = op.tables()
    bits, top = signed_bits(*op.result_range()), max(int(abs(influence).max()), 1)
    numbers = {
        "group": influence.shape[1],
        "n0": op.get_nodeattr("n0"),
        "unit": op.get_nodeattr("unit"),
        "top": top,
    }
    numbers |= {"scale": op.scale, "offset": op.offset, "sum_bits": bits}
    suffix, source = "" if thresholds is None else "sum", plain(op, sources[0])
    wire = net.pixels(suffix, "xf_interact", source, bits, True, influence, **numbers)
    return [wire if thresholds is None else net.thresholds("threshold", wire, thresholds[:, None], direction)]


def join(net, op, sources):
    """Two streams at a time; sums modulo 2^out_bits may be taken modulo at every step."""
    sink, table, wires = op.out_stream(), op.table(), [plain(op, source) for source in sources]
    wire, factors = wires[0], table[0]
    if len(wires) == 1:
        return [net.scaled("", wire, sink.bits, sink.signed, factors)]
    sizes = {"n_pixels": prod(sink.shape[:-1]), "n_chan": sink.shape[-1]}
    for index, (other, row) in enumerate(zip(wires[1:], table[1:]), 2):
        suffix, given = "" if index == len(wires) else f"sum{index}", np.stack([factors, row])
        wire = net.xf(suffix, "xf_join", [wire, other], sink.shape, sink.bits, sink.signed, given, **sizes)
        factors = np.ones_like(row)
    return [wire]


def concat(net, op, sources):
    """Two streams at a time."""
    sink, wires = op.out_stream(), [plain(op, source) for source in sources]
    wire = wires[0]
    if len(wires) == 1:
        return [net.scaled("", wire, sink.bits, sink.signed)]
    for index, other in enumerate(wires[1:], 2):
        suffix, channels = "" if index == len(wires) else f"part{index}", (wire.shape[-1], other.shape[-1])
        sizes = {"n_pixels": prod(sink.shape[:-1]), "n_chan": channels[0], "other_chan": channels[1]}
        shape = *sink.shape[:-1], sum(channels)
        wire = net.xf(suffix, "xf_concat", [wire, other], shape, sink.bits, sink.signed, **sizes)
    return [wire]


def upsample(net, op, sources):
    (height, width, channels), (fy, fx), sink = (
        op.get_nodeattr("ifm"),
        op.get_nodeattr("factor"),
        op.out_stream(),
    )
    sizes = {"height": height, "width": width, "n_chan": channels, "factor_height": fy, "factor_width": fx}
    return [net.xf("", "xf_upsample", [plain(op, sources[0])], sink.shape, sink.bits, sink.signed, **sizes)]


RULES = {
    "Fifo": same, "Width": same, "Fork": same, "Window": window, "XnorMvu": matrix, "ByteMvu": matrix,
    "IntMvu": matrix, "Depthwise": depthwise, "OrPool": pool, "MaxPool": pool, "SumPool": pool,
    "Threshold": threshold,
    "Requantise": requantise, "Clip": clip, "Border": border, "Interact": interact, "Join": join,
    "Concat": concat,
    "Upsample": upsample,
}  # fmt: skip
