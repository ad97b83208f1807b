"""A serial line around an accelerator: a shell that needs two pins, so that every board can have it.

An accelerator's streams are wider than most boards have pins, and a clock can only be measured between
registers; a shell solves both. The host sends requests (xf_uart_requests.sv): frames, and writes
of weights.
"""

import zlib
from importlib.resources import files
from pathlib import Path

from xnorforge.hw.boards import Board
from xnorforge.hw.routing import ACCELERATOR, TopPorts

WRITE = 0x80  # first byte of a write; of a frame it is 0
DONE = 0  # answer to a write that was done
CHECK = 4  # bytes behind a request and behind an answer


def uart_sources() -> list[Path]:
    """SystemVerilog of the shell, in reading order."""
    hw = Path(str(files("xnorforge.hw")))
    own = sorted((hw / "shells" / "uart").glob("*.sv"))
    return [hw / "rtl" / "xf_fifo.sv", hw / "rtl" / "xf_skid.sv", *own]


def included() -> list[Path]:
    """The files that these include."""
    return sorted((Path(str(files("xnorforge.hw"))) / "rtl").glob("*.svh"))


def with_check(message: bytes) -> bytes:
    """A request or an answer with its check behind it, the CRC-32 of IEEE 802.3."""
    return message + zlib.crc32(message).to_bytes(CHECK, "little")


def frame_request(frame: bytes) -> bytes:
    """What a host sends for a frame; the answer is `with_check` of the bytes of the result.

    Args:
        frame: its beats, each least significant byte first.
    """
    return with_check(b"\0" + frame)


def write_request(address: int, word: int) -> bytes:
    """What a host sends to write a word over AXI4-Lite; the answer is `with_check` of one byte, `DONE` or
    AXI's response.

    Args:
        address: in bytes, below 2**32.
        word: 32 bits.
    """
    return with_check(bytes([WRITE]) + address.to_bytes(4, "little") + word.to_bytes(4, "little"))


def clocks_per_bit(board: Board) -> int:
    """Clock cycles of a bit on a board's serial line, at the board's clock."""
    return round(board.clock_mhz * 1e6 / board.shell["baud"])


def top_body(board: Board, ports: TopPorts, reset: str, lost: str = "") -> str:
    """The Verilog of a board's top behind its clock: the reset, this shell, the accelerator, `endmodule`.

    It stands where `clk` is the clock, and `rxd`, `txd` and `lost` are ports.

    Args:
        reset: Verilog of one bit that is 1 while all is to be reset.
        lost: Verilog of the port `lost` by the wire `was_lost`, which is 1 once input was lost; "": the shell
            drives the port itself.
    """
    return BODY.format(
        reset=reset,
        shell=shell_text(ports, clocks_per_bit(board), "was_lost" if lost else "lost"),
        assigned=f"  assign lost = {lost};\n\n" if lost else "",
        accelerator=accelerator_text(ports, ACCELERATOR),
    )


def shell_text(ports: TopPorts, clocks: int, lost: str) -> str:
    """The shell in the Verilog of a board's top, which has the ports rxd and txd, the wires clk and rst_n.

    Args:
        clocks: cycles per bit on the line.
        lost: the wire that says that input was lost; it is declared here, unless it is the port "lost".
    """
    return SHELL.format(
        in_bytes=ports.in_bytes, in_beats=ports.in_beats, out_bytes=ports.out_bytes,
        in_high=8 * ports.in_bytes - 1, out_high=8 * ports.out_bytes - 1, loads=int(ports.load_bits > 0),
        address_bits=max(ports.load_bits, 1), address_high=max(ports.load_bits, 1) - 1, clocks=clocks,
        lost=lost, declared="" if lost == "lost" else f", {lost}",
    )  # fmt: skip


def accelerator_text(ports: TopPorts, name: str) -> str:
    """`xf_top` as the instance `name`, at the wires of `shell_text`."""
    if not ports.load_bits:
        return INSTANCE.format(name=name, more="") + NO_LOADS
    return INSTANCE.format(name=name, more=LOAD_PORTS.format(bits=ports.load_bits))


BODY = """\
  reg [2:0] reset_q = 3'b111;
  always @(posedge clk) reset_q <= {{reset_q[1:0], {reset}}};
  wire rst_n = ~reset_q[2];

{shell}
{assigned}{accelerator}
endmodule
"""
SHELL = """  wire [7:0] request, answer;
  wire request_valid, request_ready, answer_valid, answer_ready, line_lost, stopped{declared};

  xf_uart_shell #(.Clocks({clocks})) u_shell (
    .clk_i(clk), .rst_ni(rst_n), .rxd_i(rxd), .txd_o(txd), .lost_o(line_lost),
    .m_data_o(request), .m_valid_o(request_valid), .m_ready_i(request_ready),
    .s_data_i(answer), .s_valid_i(answer_valid), .s_ready_o(answer_ready)
  );
  assign {lost} = line_lost | stopped;

  wire [{in_high}:0] in_data;
  wire [{out_high}:0] out_data;
  wire [1:0] bresp;
  wire in_valid, in_ready, out_valid, out_ready, out_last;
  wire [{address_high}:0] awaddr;
  wire [31:0] wdata;
  wire awvalid, awready, wvalid, wready, bvalid, bready;

  xf_uart_requests #(
    .InBytes({in_bytes}), .InBeats({in_beats}), .OutBytes({out_bytes}),
    .Loads({loads}), .AddrW({address_bits})
  ) u_requests (
    .clk_i(clk), .rst_ni(rst_n), .stopped_o(stopped),
    .s_data_i(request), .s_valid_i(request_valid), .s_ready_o(request_ready),
    .m_data_o(answer), .m_valid_o(answer_valid), .m_ready_i(answer_ready),
    .m_axis_tdata(in_data), .m_axis_tvalid(in_valid), .m_axis_tready(in_ready),
    .s_axis_tdata(out_data), .s_axis_tvalid(out_valid), .s_axis_tready(out_ready), .s_axis_tlast(out_last),
    .awaddr_o(awaddr), .awvalid_o(awvalid), .awready_i(awready),
    .wdata_o(wdata), .wvalid_o(wvalid), .wready_i(wready),
    .bresp_i(bresp), .bvalid_i(bvalid), .bready_o(bready)
  );
"""
INSTANCE = """  xf_top {name} (
    .aclk(clk), .aresetn(rst_n),
    .s_axis_tdata(in_data), .s_axis_tvalid(in_valid), .s_axis_tready(in_ready),{more}
    .m_axis_tdata(out_data), .m_axis_tvalid(out_valid), .m_axis_tready(out_ready), .m_axis_tlast(out_last)
  );
"""
# Nobody reads through the line.
LOAD_PORTS = """
    .s_axi_ctrl_awaddr(awaddr), .s_axi_ctrl_awvalid(awvalid), .s_axi_ctrl_awready(awready),
    .s_axi_ctrl_wdata(wdata), .s_axi_ctrl_wstrb(4'b1111), .s_axi_ctrl_wvalid(wvalid),
    .s_axi_ctrl_wready(wready),
    .s_axi_ctrl_bresp(bresp), .s_axi_ctrl_bvalid(bvalid), .s_axi_ctrl_bready(bready),
    .s_axi_ctrl_araddr({bits}'b0), .s_axi_ctrl_arvalid(1'b0), .s_axi_ctrl_arready(),
    .s_axi_ctrl_rdata(), .s_axi_ctrl_rresp(), .s_axi_ctrl_rvalid(), .s_axi_ctrl_rready(1'b1),"""
NO_LOADS = "  assign {awready, wready, bvalid, bresp} = 5'b0;\n"
