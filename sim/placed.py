"""The stage `placed`: the netlist after place and route runs the golden images, cell by cell.

It is driven through the serial line at its pins, as on the board. If the images would take longer than
`LINE_CYCLES` on the line, the streams between shell and accelerator are driven instead: the same cells
without those of the shell.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import boards, families, graph
from xnorforge.hw.boards import Board
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.shells import uart
from xnorforge.sim import compare, cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, include_folders, patience, ports_header
from xnorforge.sim.placed_bench import BENCH, bench_text
from xnorforge.sim.serial_line import BYTE, beat_bytes, run_requests

SEED = 1
LINE_CYCLES = 1_000_000


def simulate_placed(
    acc: Path, net_dir: Path, images: int = 2, progress: Callable[..., object] = lambda *_: None
) -> Record:
    """Check the placed netlist of the bitstream in `acc` on the first golden images; write `acc/placed.json`.

    Args:
        acc: folder with `folded.onnx`, `bitstream.json` and `bitstream/`.
        net_dir: folder with `golden.npz` and `lowered.npz`.
        images: how many images.
        progress: called with a line for a person before each long step.

    Returns:
        The record: the check, `driven` (through what, and why), `images`, `cells`, `cycles` of the last beat.

    Raises:
        UserError: the family has no models of placed cells, or a cell is in a form that they do not have.
        MismatchError: an integer differs, or the netlist gives none; the text names the first.
        ToolMissing: no C++ compiler.
    """
    acc, net_dir = Path(acc), Path(net_dir)
    with artifacts.measured("verilator") as run:
        routed = artifacts.read_json(acc / "bitstream.json")
        board = replace(boards.load(routed["board"]), clock_mhz=routed["clock"]["asked"])
        ops = graph.operators(acc / "folded.onnx")
        expected = graph.answers(ops, np.load(net_dir / "lowered.npz"))[:images]
        pictures = np.load(net_dir / "golden.npz")["images"][:images]
        if not routed["placed"]:
            raise unmodelled(board)
        netlist = acc / routed["placed"]
        busy = line_cycles(ops, board) * len(pictures)
        driven = "the serial line at its pins"
        if busy > LINE_CYCLES:
            driven = f"the accelerator's streams, as the serial line would take {busy:,} cycles"
        progress("building the model of the placed netlist")
        device = placed_device(netlist, board, ops, busy <= LINE_CYCLES)
        progress(f"placed netlist on {len(pictures):,} images, through {driven}")
        images_run = run_placed(device, ops, pictures, busy <= LINE_CYCLES)
    compare.equal("placed netlist", f"what {routed['program']} placed", images_run.output, expected)
    record = {
        "stage": "placed",
        "checks": [
            compare.compare_arrays(
                "placed netlist = lowered",
                images_run.output,
                expected,
                f"every output integer, through {driven}",
            ),
        ],
        "driven": driven,
        "images": len(pictures),
        "cells": netlist_cells(netlist),
        "cycles": int(images_run.cycles.max()),
        "netlist": artifacts.digest(netlist),
        "run": run,
    }
    artifacts.write_json(acc / "placed.json", record)
    return record


def line_cycles(ops: list[HwOp], board: Board) -> int:
    """Cycles in which the serial line carries a frame."""
    stream = ops[0].in_stream()
    request = uart.frame_request(bytes(stream.beats * beat_bytes(stream)))
    return len(request) * 10 * uart.clocks_per_bit(board)


def netlist_cells(netlist: Path) -> int:
    """Cells in a placed netlist."""
    return sum(" \\" in line for line in netlist.read_text().splitlines())  # a line each, with its name


def unmodelled(board: Board) -> UserError:
    """The error for a family without models of placed cells."""
    return UserError(
        f"placed: the family {board.family} has no models of placed cells; "
        "simulate the mapped netlist instead (xnorforge netlist)."
    )


def placed_device(netlist: Path, board: Board, ops: list[HwOp], line: bool) -> Device:
    """Build a bench around a placed netlist.

    Args:
        netlist: Verilog of the module `routing.TOP`, see docs/guide/bitstream.md.
        ops: of the accelerator in it.
        line: driven through the serial line, one byte per beat; else through the accelerator's streams.

    Raises:
        UserError: the family has no models of placed cells; Verilator rejects the netlist.
    """
    models = families.placed_models(board.family)
    if models is None:
        raise unmodelled(board)
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    if line:
        source = sink = BYTE
    widths = [8 * beat_bytes(one) for one in (source, sink)]
    ports = [
        Port(one, f"{side}_data_{way}", f"{side}_valid_{way}", f"{side}_ready_{back}", width)
        for one, width, side, way, back in zip((source, sink), widths, "sm", "io", "oi")
    ]
    clocks = uart.clocks_per_bit(board)
    lanes = [Lane("the placed netlist", "rst_ni", ports[:1], ports[1:], patience(ops) + 100 * clocks)]
    with tempfile.TemporaryDirectory() as name:
        bench = Path(name) / f"{BENCH}.sv"
        bench.write_text(bench_text(clocks, widths, line, board.shell.get("low", ())))
        program = verilate.compile_model(
            BENCH,
            [*uart.uart_sources(), models, netlist, bench],
            ports_header("clk_i", lanes),
            include_folders(),
            checked=True,
            level="-O1",
        )
    return Device(program, lanes)


def run_placed(device: Device, ops: list[HwOp], images: np.ndarray, line: bool) -> cosim.Run:
    """The run of images (N, C, H, W) on a bench of `placed_device`.

    Raises:
        MismatchError: less or more comes out than is due, a check is wrong, or a byte is lost.
    """
    if line:
        return run_requests(device, ops, images, seed=SEED)
    return cosim.run(device, graph.enter(ops[0], images), seed=SEED)
