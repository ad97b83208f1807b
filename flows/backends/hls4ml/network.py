"""Conversion of operators to layers, by rules next to the operators.

An expression (`Beat`) becomes a layer whose C++ says the same, a matrix becomes a layer of hls4ml.
Any other defines its layers in `hls.py` next to its `op.py`: `rule(net, op, sources)` takes the net, the
operator and the wires of its inputs, appends layers to the net and returns the wires of its outputs. Tensors
are channels last on both sides, so nothing is transposed. One that only passes its input on needs no layer.
"""

import re
from math import prod

import numpy as np

from xnorforge.hw.beat import Beat
from xnorforge.hw.hls.matrices import of_matrix
from xnorforge.hw.hls.net import Net, Wire, refused, without_window
from xnorforge.hw.ir.cpp import statements
from xnorforge.hw.ir.values import tables
from xnorforge.hw.ops import part
from xnorforge.hw.ops.base import HwOp

MOST_READERS = 7  # that hls4ml can clone a stream for


def append_layers(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Append the layers of one operator and return the wires of its outputs.

    Raises:
        UserError: hls4ml cannot express it.
    """
    if op.identity:
        return [sources[0]] * op.outputs
    module = part(op, "hls")
    if module is not None:
        return module.rule(net, op, sources)
    if op.matrix() is not None:
        return of_matrix(net, op, sources[0])
    if isinstance(op, Beat):
        return [of_expression(net, op, sources)]
    raise refused(op, "has no layer in hls4ml", "build it with BACKEND=rtl")


def of_expression(net: Net, op: Beat, sources: list[Wire]) -> Wire:
    """Append the layer of an operator that is an expression."""
    value, sink, (rows, columns) = op.value, op.out_stream(), op.places
    entries = [np.asarray(one.data) for one in tables(value)]
    classes = (max(rows, default=0) + 1, max(columns, default=0) + 1, sink.shape[-1])
    if rows:  # behind them the class of each row and of each column
        entries = [np.broadcast_to(np.atleast_3d(one), classes) for one in entries]
    first = {id(one): sum(each.size for each in entries[:k]) for k, one in enumerate(tables(value))}
    table = np.concatenate([*(one.ravel() for one in entries), rows, columns] if first else [np.zeros(1)])
    at = "place + c" if rows else "c"
    lines, result = statements(
        value, lambda one: f"x{one.data}[c]" if one.op == "input" else f"table[{first[id(one)]} + {at}]"
    )
    place = []
    if rows and first:
        end, width = len(table) - len(rows) - len(columns), len(columns)
        row, column = f"table[{end} + at / {width}]", f"table[{end + len(rows)} + at % {width}]"
        place = [f"const unsigned place = ({row}.to_int() * {classes[1]} + {column}.to_int()) * C::n_chan;"]
    streams = range(len(sources))
    kinds = "".join(f", class x{k}_T" for k in streams)
    given = "".join(f", const x{k}_T *x{k}" for k in streams)
    text = [
        "struct op {", f"    template <typename C, class y_T{kinds}>",
        f"    static void pixel(y_T *y, unsigned at, const typename C::table_t *table{given}) {{",
        *(f"        {line}" for line in place),
        "        for (unsigned c = 0; c < C::n_chan; c++) {", "            #pragma HLS UNROLL",
        *(f"            {line}" for line in lines), f"            y[c] = {result};", "        }", "    }",
        "};",
    ]  # fmt: skip
    sizes = {"n_pixels": prod(sink.shape[:-1]), "n_chan": sink.shape[-1]}
    kind = sink.shape, sink.bits, sink.signed, table, "\n".join(text)
    return net.xf("", "xf_pixels", [without_window(op, one) for one in sources], *kind, **sizes)


def convert_operators(ops: list[HwOp], io: str, legal) -> Net:
    """The layers of a folded graph.

    Args:
        ops: its operators, from `hw.graph.operators`.
        io: "io_parallel" or "io_stream".
        legal: (n_in, n_out) of a matrix -> the reuse factors that hls4ml allows, ascending.

    Raises:
        UserError: hls4ml cannot express a node; the text names it and the reason.
    """
    net = Net(io, legal)
    net.at[ops[0].sources[0]] = net.input("pixels_in", ops[0].in_stream())
    for index, op in enumerate(ops):
        if op.indices and op is ops[-1]:
            break  # the host finds the largest of the scores
        net.stem = f"layer_{index:02d}_{re.sub(r'[^A-Za-z0-9_]', '_', op.name)}"
        wires = append_layers(net, op, [net.at[tensor] for tensor in op.sources])
        net.at.update(zip(op.results, wires))
        if len(wires) == 1 and wires[0].window is None:
            net.results.setdefault(wires[0].layer, (op, op.results[0]))
    for name, (op, _) in net.results.items():
        readers = sum(layer["inputs"].count(name) for layer in net.layers)
        if net.io == "io_stream" and readers > MOST_READERS:
            why = f"has {readers} readers, but hls4ml copies a stream for at most {MOST_READERS}"
            raise refused(op, why, "use io_parallel")
    return net
