"""The shell of a serial line: a lost byte is told; what arrives is in tests/sim/test_serial_line.py."""

from dataclasses import replace

import numpy as np
import pytest

from xnorforge.hw import boards
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.routing import TopPorts
from xnorforge.hw.shells import uart
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, include_folders, ports_header

CLOCKS = 5

HEAD = """
module xf_line (
  input  logic       clk_i, rst_ni,
  input  logic [7:0] s_data_i,
  input  logic       s_valid_i, output logic s_ready_o,
  output logic [7:0] m_data_o, output logic m_valid_o, input logic m_ready_i
);
"""


# An accelerator that takes nothing; behind each byte sent, whether one was lost.
STUCK = """\
  logic line, lost, idle, sent_q;
  xf_uart_tx #(.Clocks({clocks})) u_host_tx (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i(s_valid_i & s_ready_o), .s_ready_o(idle), .line_o(line)
  );
  xf_uart_shell #(.Clocks({clocks}), .Depth(4)) u_shell (
    .clk_i, .rst_ni, .rxd_i(line), .txd_o(), .lost_o(lost), .m_data_o(), .m_valid_o(),
    .m_ready_i(1'b0), .s_data_i(8'd0), .s_valid_i(1'b0), .s_ready_o()
  );
  // The answer to a byte waits until all of it is on the line and the shell has seen it.
  logic [3:0] wait_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sent_q <= 1'b0;
      wait_q <= '0;
    end else begin
      if (s_valid_i && s_ready_o) sent_q <= 1'b1;
      else if (m_valid_o && m_ready_i) sent_q <= 1'b0;
      wait_q <= (sent_q && idle) ? wait_q + 4'(wait_q != 4'hf) : '0;
    end
  end
  assign s_ready_o = idle && !sent_q;
  assign m_valid_o = sent_q && wait_q == 4'hf;
  logic lost_q;
  always_ff @(posedge clk_i) lost_q <= lost;
  assign m_data_o = {{7'd0, lost_q}};
endmodule
"""


def device(tmp_path, frame: int, text: str) -> Device:
    bench = tmp_path / "xf_line.sv"
    bench.write_text(HEAD + text.format(clocks=CLOCKS))
    stream = Stream((frame,), 1, 8)
    ways = [(f"{s}_data_{i}", f"{s}_valid_{i}", f"{s}_ready_{o}") for s, i, o in ("sio", "moi")]
    source, sink = (Port(stream, *names, 8) for names in ways)
    lanes = [Lane("line", "rst_ni", [source], [sink], 50_000)]
    sources = [*uart.uart_sources(), bench]
    header = ports_header("clk_i", lanes)
    program = verilate.compile_model("xf_line", sources, header, include_folders(), verilate.CHECKED)
    return Device(program, lanes)


def test_the_first_byte_that_finds_no_room_is_said_to_be_lost(tmp_path):
    run = cosim.run(device(tmp_path, 10, STUCK), np.zeros((1, 10), int), seed=3)
    assert run.output.tolist() == [[0] * 8 + [1, 1]]  # four wait in memory, two behind it and two in a skid


@pytest.mark.parametrize(("mhz", "baud", "clocks"), [(50.0, 1_000_000, 50), (33.3, 9600, 3469)])
def test_a_bit_takes_the_nearest_number_of_cycles(mhz, baud, clocks):
    """33.3e6 / 9600 = 3468.75."""
    board = boards.load("ulx3s")
    board = replace(board, clock_mhz=mhz, shell=board.shell | {"baud": baud})
    assert uart.clocks_per_bit(board) == clocks
    assert f".Clocks({clocks})" in uart.top_body(board, TopPorts(1, 1, 1), "1'b0")


def test_the_shell_passes_lint_without_a_warning():
    top = [path for path in uart.uart_sources() if path.stem == "xf_uart_shell"]
    rest = [path for path in uart.uart_sources() if path not in top]
    verilate.lint("xf_uart_shell", [*rest, *top], include_folders())
