"""The SystemVerilog of the bench around a placed netlist (placed.py)."""

from collections.abc import Sequence

from xnorforge.core.types import Ints
from xnorforge.hw import routing

BENCH = "xf_placed"


def bench_text(clocks: int, widths: Ints, line: bool, low: Sequence[str] = ()) -> str:
    """The text of the module `BENCH`.

    Args:
        clocks: cycles per bit on the serial line.
        widths: bits of a beat in and out; of the line both are 8.
        line: driven through the serial line; else through the accelerator's streams.
        low: those of the board's pins `reset` and `lost` that are low when they say yes.
    """
    high = [width - 1 for width in widths]
    return HEAD + (LINE if line else STREAMS).format(
        top=routing.TOP, clocks=clocks, high=high,
        reset="~" * ("reset" in low), lit="~" * ("lost" in low)
    )  # fmt: skip


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
    .clock(clk_i), .reset({reset}(~rst_ni | cycle_q < 7'd32)), .rxd(to_board), .txd(from_board), .lost,
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
  InputLost_A: assert property (@(posedge clk_i) disable iff (!started) !({lit}lost));
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
    .clock(clk_i), .reset({reset}(~rst_ni | cycle_q < 7'd32)), .rxd(1'b1), .txd(), .lost(),
    .cut_s_axis_tdata(s_data_i), .cut_s_axis_tvalid(s_valid_i & started), .cut_s_axis_tready(ready),
    .cut_m_axis_tdata(m_data_o), .cut_m_axis_tvalid(valid), .cut_m_axis_tready(m_ready_i & started)
  );
  assign s_ready_o = ready & started;
  assign m_valid_o = valid & started;
endmodule
"""
)
