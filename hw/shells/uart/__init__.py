"""A serial line around an accelerator, which every board has or takes by two pins: the shell that is routed.

An accelerator's own streams are wider than most boards have pins, and a clock that is to be measured has to
start and end in registers: a shell gives both.
"""

from importlib.resources import files
from pathlib import Path

from xnorforge.hw.boards import Board
from xnorforge.hw.routing import ACCELERATOR


def uart_sources() -> list[Path]:
    """SystemVerilog of the shell, in reading order."""
    hw = Path(str(files("xnorforge.hw")))
    own = sorted((hw / "shells" / "uart").glob("*.sv"))
    return [hw / "rtl" / "xf_fifo.sv", hw / "rtl" / "xf_skid.sv", *own]


def included() -> list[Path]:
    """The files that these include."""
    return sorted((Path(str(files("xnorforge.hw"))) / "rtl").glob("*.svh"))


def clocks_per_bit(board: Board) -> int:
    """Clock cycles of a bit on a board's serial line, at the board's clock."""
    return round(board.clock_mhz * 1e6 / board.shell["baud"])


def top_body(board: Board, in_bytes: int, out_bytes: int, reset: str, lost: str = "") -> str:
    """The Verilog of a board's top behind its clock: the reset, this shell, the accelerator, `endmodule`.

    It stands where `clk` is the clock, and `rxd`, `txd` and `lost` are ports.

    Args:
        in_bytes, out_bytes: of a beat of either AXI-Stream port.
        reset: Verilog of one bit that is 1 while all is to be reset.
        lost: Verilog of the port `lost` by the wire `was_lost`, which is 1 once input was lost; "": the shell
            drives the port itself.
    """
    return BODY.format(
        accelerator=ACCELERATOR,
        reset=reset,
        in_bytes=in_bytes,
        out_bytes=out_bytes,
        in_high=8 * in_bytes - 1,
        out_high=8 * out_bytes - 1,
        clocks=clocks_per_bit(board),
        wires=", was_lost" if lost else "",
        lost_wire="was_lost" if lost else "lost",
        assigned=f"\n  assign lost = {lost};\n" if lost else "",
    )


BODY = """\
  reg [2:0] reset_q = 3'b111;
  always @(posedge clk) reset_q <= {{reset_q[1:0], {reset}}};
  wire rst_n = ~reset_q[2];

  wire [{in_high}:0] in_data;
  wire [{out_high}:0] out_data;
  wire in_valid, in_ready, out_valid, out_ready{wires};

  xf_uart_shell #(.InBytes({in_bytes}), .OutBytes({out_bytes}), .Clocks({clocks})) u_shell (
    .clk_i(clk), .rst_ni(rst_n), .rxd_i(rxd), .txd_o(txd), .lost_o({lost_wire}),
    .m_axis_tdata(in_data), .m_axis_tvalid(in_valid), .m_axis_tready(in_ready),
    .s_axis_tdata(out_data), .s_axis_tvalid(out_valid), .s_axis_tready(out_ready)
  );
{assigned}
  xf_top {accelerator} (
    .aclk(clk), .aresetn(rst_n),
    .s_axis_tdata(in_data), .s_axis_tvalid(in_valid), .s_axis_tready(in_ready),
    .m_axis_tdata(out_data), .m_axis_tvalid(out_valid), .m_axis_tready(out_ready), .m_axis_tlast()
  );

endmodule
"""
