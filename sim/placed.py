"""The `placed` stage: the netlist behind place and route, cell by cell, runs the golden images.

It is driven as on the board, through the serial line at its pins. Where the images would keep the line busy
for longer than `LINE_CYCLES`, the streams between the shell and the accelerator are driven instead: the same
cells, without those of the shell.
"""

import tempfile
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.hw import boards, families, graph, routing
from xnorforge.hw.boards import Board
from xnorforge.hw.ops._loadable import loadable
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.shells import uart
from xnorforge.sim import compare, cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, include_folders, patience, ports_header
from xnorforge.sim.serial_line import beat_bytes

SEED = 1
LINE_CYCLES = 1_000_000
BENCH = "xf_placed"


def simulate_placed(acc: Path, net_dir: Path, images: int = 2, progress=lambda *_: None) -> dict:
    """Prove the placed netlist of the bitstream in `acc` on the first golden images; write `acc/placed.json`.

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
        board = boards.load(routed["board"])
        ops = graph.operators(acc / "folded.onnx")
        if loadable(ops):
            raise UserError(
                f"placed: {net_dir.name} takes templates at run time, which the bench of a placed netlist "
                "does not drive; ask for no more than its bitstream (make bitstream)."
            )
        expected = graph.answers(ops, np.load(net_dir / "lowered.npz"))[:images]
        inputs = graph.enter(ops[0], np.load(net_dir / "golden.npz")["images"][:images])
        if not routed["placed"]:
            raise unmodelled(board)
        netlist = acc / routed["placed"]
        busy = line_cycles(ops, board) * len(inputs)
        driven = "the serial line at its pins"
        if busy > LINE_CYCLES:
            driven = f"the accelerator's streams, as the serial line takes {busy:,} cycles for these images"
        progress("building the model of the placed netlist")
        device = placed_device(netlist, board, ops, busy <= LINE_CYCLES)
        progress(f"placed netlist on {len(inputs):,} images, through {driven}")
        output, cycles = run_placed(device, ops, inputs, busy <= LINE_CYCLES)
    compare.equal("placed netlist", f"what {routed['program']} placed", output, expected)
    record = {
        "stage": "placed",
        "checks": [
            compare.compare_arrays(
                "placed netlist = lowered", output, expected, f"every output integer, through {driven}"
            )
        ],
        "driven": driven,
        "images": len(inputs),
        "cells": netlist_cells(netlist),
        "cycles": cycles,
        "netlist": artifacts.digest(netlist),
        "run": run,
    }
    artifacts.write_json(acc / "placed.json", record)
    return record


def line_cycles(ops: list[HwOp], board: Board) -> int:
    """Cycles in which the serial line carries a frame."""
    stream = ops[0].in_stream()
    return stream.beats * beat_bytes(stream) * 10 * uart.clocks_per_bit(board)


def netlist_cells(netlist: Path) -> int:
    """Cells in a placed netlist."""
    return sum(" \\" in line for line in netlist.read_text().splitlines())  # a line each, with its name


def unmodelled(board: Board) -> UserError:
    """What is said where a family has no models of placed cells."""
    return UserError(
        f"placed: there are no models of placed cells for the family {board.family}; "
        "the netlist before it is simulated where a family has cells.v."
    )


def placed_device(netlist: Path, board: Board, ops: list[HwOp], line: bool) -> Device:
    """Build a bench around a placed netlist.

    Args:
        netlist: Verilog of the module `routing.TOP`, see docs/bitstream.md.
        ops: of the accelerator in it.
        line: driven through the serial line, one byte per beat; else through the accelerator's streams.

    Raises:
        UserError: the family has no models of placed cells; Verilator rejects the netlist.
    """
    models = families.placed_models(board.family)
    if models is None:
        raise unmodelled(board)
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    text = LINE if line else STREAMS
    if line:
        source, sink = (Stream((one.beats * beat_bytes(one),), 1, 8) for one in (source, sink))
    widths = [8 * beat_bytes(one) for one in (source, sink)]
    ports = [
        Port(one, f"{side}_data_{way}", f"{side}_valid_{way}", f"{side}_ready_{back}", width)
        for one, width, side, way, back in zip((source, sink), widths, "sm", "io", "oi")
    ]
    clocks = uart.clocks_per_bit(board)
    lanes = [Lane("the placed netlist", "rst_ni", ports[:1], ports[1:], patience(ops) + 100 * clocks)]
    with tempfile.TemporaryDirectory() as name:
        bench = Path(name) / f"{BENCH}.sv"
        bench.write_text(HEAD + text.format(top=routing.TOP, clocks=clocks, high=[w - 1 for w in widths]))
        program = verilate.compile_model(
            BENCH,
            [*uart.uart_sources(), models, netlist, bench],
            ports_header("clk_i", lanes),
            include_folders(),
            checked=True,
            level="-O1",
        )
    return Device(program, lanes)


def run_placed(device: Device, ops: list[HwOp], inputs: np.ndarray, line: bool) -> tuple[np.ndarray, int]:
    """What comes out of a bench of `placed_device` for frames, as integers, and the cycle of the last beat.

    Raises:
        MismatchError: less or more comes out than is due, or a byte is lost.
    """
    if not line:
        run = cosim.run(device, inputs, seed=SEED)
        return run.output, int(run.cycles.max())
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    beats = source.pack(inputs).view(np.uint8)[:, : beat_bytes(source)]
    frames = beats.reshape(len(inputs), -1)
    size, answer = frames.shape[1], sink.beats * beat_bytes(sink)
    # The host reads a result before it sends the next frame.
    gates = [(0, k * size, 0, k * answer) for k in range(1, len(frames))]
    run = cosim.run(device, cosim.Feed([frames], [len(frames)], gates=gates), seed=SEED)
    bytes_out = run.output.astype(np.uint8).reshape(-1, beat_bytes(sink))
    padded = np.pad(bytes_out, ((0, 0), (0, -bytes_out.shape[1] % 4)))
    return sink.unpack(padded.view("<u4")), int(run.cycles.max())


# The design is reset as it wakes, by its pin and until the PLL has locked; it is given nothing before.
HEAD = """module xf_placed (
  input  logic clk_i,
  input  logic rst_ni,
"""
START = """
  logic [6:0] cycle_q;
  logic       started;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) cycle_q <= '0;
    else if (!started) cycle_q <= cycle_q + 1'b1;
  end
  assign started = rst_ni & cycle_q[6];
"""
LINE = (
    """  input  logic [7:0] s_data_i,
  input  logic       s_valid_i,
  output logic       s_ready_o,
  output logic [7:0] m_data_o,
  output logic       m_valid_o,
  input  logic       m_ready_i
);
"""
    + START
    + """
  logic       to_board, from_board, lost, idle, came;
  logic [7:0] got;
  xf_uart_tx #(.Clocks({clocks})) u_host_tx (
    .clk_i, .rst_ni(started), .s_data_i, .s_valid_i(s_valid_i & started), .s_ready_o(idle), .line_o(to_board)
  );
  {top} u_placed (
    .clock(clk_i), .reset(~rst_ni | cycle_q < 7'd32), .rxd(to_board), .txd(from_board), .lost,
    .cut_s_axis_tdata('0), .cut_s_axis_tvalid('0), .cut_s_axis_tready(),
    .cut_m_axis_tdata(), .cut_m_axis_tvalid(), .cut_m_axis_tready('0)
  );
  xf_uart_rx #(.Clocks({clocks})) u_host_rx (
    .clk_i, .rst_ni(started), .line_i(from_board), .data_o(got), .valid_o(came)
  );
  xf_fifo #(.Width(8), .Depth(64)) u_got (
    .clk_i, .rst_ni(started), .s_data_i(got), .s_valid_i(came), .s_ready_o(),
    .m_data_o, .m_valid_o, .m_ready_i
  );
  assign s_ready_o = idle & started;
  InputLost_A: assert property (@(posedge clk_i) disable iff (!started) !lost);
endmodule
"""
)
STREAMS = (
    """  input  logic [{high[0]}:0] s_data_i,
  input  logic s_valid_i,
  output logic s_ready_o,
  output logic [{high[1]}:0] m_data_o,
  output logic m_valid_o,
  input  logic m_ready_i
);
"""
    + START
    + """
  logic ready, valid;
  {top} #(.CUT(1)) u_placed (
    .clock(clk_i), .reset(~rst_ni | cycle_q < 7'd32), .rxd(1'b1), .txd(), .lost(),
    .cut_s_axis_tdata(s_data_i), .cut_s_axis_tvalid(s_valid_i & started), .cut_s_axis_tready(ready),
    .cut_m_axis_tdata(m_data_o), .cut_m_axis_tvalid(valid), .cut_m_axis_tready(m_ready_i & started)
  );
  assign s_ready_o = ready & started;
  assign m_valid_o = valid & started;
endmodule
"""
)
