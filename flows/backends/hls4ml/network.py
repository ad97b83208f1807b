"""Conversion of operators to layers, by rules next to the operators.

An operator defines its layers in `hls.py` next to its `op.py`: `rule(net, op, sources)` takes the net, the
operator and the wires of its inputs, appends layers to the net and returns the wires of its outputs. Tensors
are channels last on both sides, so nothing is transposed. An operator that only passes its input on needs no
layer.
"""

import re

from xnorforge.flows.backends.hls4ml.net import Net, Wire, refused
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
    if module is None:
        raise refused(op, "has no layer in hls4ml", "build it with BACKEND=rtl")
    return module.rule(net, op, sources)


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
    _check_readers(net)
    return net


def _check_readers(net: Net) -> None:
    """hls4ml copies a stream up to seven times."""
    for name, (op, _) in net.results.items():
        readers = sum(layer["inputs"].count(name) for layer in net.layers)
        if net.io == "io_stream" and readers > MOST_READERS:
            raise refused(
                op,
                f"has {readers} readers, but hls4ml copies a stream for at most {MOST_READERS}",
                "use io_parallel",
            )
