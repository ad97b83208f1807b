"""A folded graph as hls4ml's ModelGraph, with explicit types everywhere, for the Vitis backend."""

import hashlib
from functools import cache
from pathlib import Path

import hls4ml
from hls4ml.model.graph import ModelGraph
from hls4ml.utils.config import create_config

from xnorforge.flows.backends.hls4ml.network import convert_operators
from xnorforge.hw.any_width import width_of
from xnorforge.hw.boards import Board
from xnorforge.hw.hls.net import Net, refused
from xnorforge.hw.ops.base import HwOp

FLOAT64_BITS = 53  # of integers that float64 holds
PROJECT = "xf_net"  # the top function
IO_TYPES = ("io_parallel", "io_stream")


def convert(ops: list[HwOp], io: str, board: Board, folder: Path) -> tuple[ModelGraph, Net]:
    """Convert; must be called, written and compiled inside `layers.ours()`.

    Args:
        ops: the operators of a folded graph.
        io: "io_parallel" or "io_stream".
        board: gives part and clock.
        folder: where the project will be written.

    Returns:
        The graph, with the Vitis backend's flows applied, and the mapping of its layers to the folded graph.

    Raises:
        UserError: hls4ml cannot express a node.
    """
    check_expressible(ops, ())
    backend = hls4ml.backends.get_backend("Vitis")
    net = convert_operators(ops, io, cache(backend.get_valid_reuse_factors))
    config = create_config(
        output_dir=str(folder), project_name=PROJECT, backend="Vitis", part=board.part,
        clock_period=1000 / board.clock_mhz, io_type=io,
    )  # fmt: skip
    model = {"Precision": {"default": "ap_int<32>"}, "ReuseFactor": 1, "Strategy": "resource"}
    config["HLSConfig"] = {"Model": model, "LayerName": net.config}
    config["Stamp"] = stamp(ops, io, board)
    return ModelGraph.from_layer_list(config, net.layers), net


def check_expressible(ops: list[HwOp], forms) -> None:
    """Check that hls4ml can express a folded graph in all of these forms, without building any.

    Raises:
        UserError: it cannot; the text names the first node and the reason.
    """
    for op in ops:
        streams = max(stream.bits for stream in (*op.in_streams(), *op.out_streams()))
        bits = max([streams, *map(width_of, op.arrays_of.values())])
        if bits > FLOAT64_BITS:
            why = f"has numbers of {bits} bits, but the float64 of hls4ml's tables and emulation holds "
            why += f"{FLOAT64_BITS}"
            raise refused(op, why, "build it with BACKEND=rtl")
    for io in forms:
        convert_operators(ops, io, lambda *_: [1])


def stamp(ops: list[HwOp], io: str, board: Board) -> str:
    """Eight hex digits of the converted design, in the name of hls4ml's compiled library."""
    total = hashlib.sha256(f"{io} {board.part} {board.clock_mhz}".encode())
    for op in ops:
        total.update(op.onnx_node.SerializeToString())
        for values in op.arrays_of.values():
            total.update(values.astype("<i8").tobytes())
    return total.hexdigest()[:8]
