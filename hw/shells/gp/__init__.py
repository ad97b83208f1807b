"""The shell without a bus master, for small networks: only registers on AXI4-Lite (docs/guide/board.md).

The processor itself writes the words of frames and reads the words of answers.
"""

from importlib.resources import files
from pathlib import Path

from xnorforge.hw.shells import dma
from xnorforge.hw.wrap import SPDX

WORD = 4  # bytes
DEPTH = 32  # words that each of its two FIFOs holds


def gp_sources() -> list[Path]:
    """The SystemVerilog files of the shell in reading order, including files shared with the DMA shell."""
    shared = ("xf_axi_regs.sv", "xf_pack.sv", "xf_unpack.sv")
    own = sorted(Path(str(files("xnorforge.hw") / "shells" / "gp")).glob("*.sv"))
    theirs = [path for path in dma.shell_sources() if path.parent.name != "dma" or path.name in shared]
    return [*theirs, *own]


def gp_system(into: dma.FrameLayout, out: dma.FrameLayout, network: int) -> str:
    """The text of `xf_system` (`dma.TOP`): this shell around `xf_top`, with the port of the registers.

    Args:
        into, out: the frames of both streams, in words of `WORD` bytes.
        network: 64-bit hash of the network, which the drivers look at.
    """
    shell = (files("xnorforge.hw") / "shells" / "gp" / "xf_gp_shell.sv").read_text()
    ports = shell.split(") (\n", 1)[1].split("  // The accelerator\n")[0]
    lines = [line.partition("//")[0].rstrip().removesuffix(",") for line in ports.splitlines()]
    names = ", ".join(f".{line.split()[-1]}" for line in lines)
    head = ",\n".join(lines)
    return f"""{SPDX}//
// Generated: the accelerator in a shell of registers on AXI4-Lite, without a bus master.

module {dma.TOP} (
{head}
);

  logic acc_aresetn, acc_in_tvalid, acc_in_tready, acc_out_tvalid, acc_out_tready, acc_out_tlast;
  logic [{8 * into.bytes - 1}:0] acc_in_tdata;
  logic [{8 * out.bytes - 1}:0] acc_out_tdata;

  xf_gp_shell #(
    .InBytes({into.bytes}), .InBeats({into.beats}), .OutBytes({out.bytes}), .OutBeats({out.beats}),
    .Depth({DEPTH}), .Hash(64'h{network:016x})
  ) u_shell (
    {names},
    .acc_aresetn, .acc_in_tdata, .acc_in_tvalid, .acc_in_tready,
    .acc_out_tdata, .acc_out_tvalid, .acc_out_tready, .acc_out_tlast
  );

  xf_top u_top (
    .aclk, .aresetn(acc_aresetn),
    .s_axis_tdata(acc_in_tdata), .s_axis_tvalid(acc_in_tvalid), .s_axis_tready(acc_in_tready),
    .m_axis_tdata(acc_out_tdata), .m_axis_tvalid(acc_out_tvalid), .m_axis_tready(acc_out_tready),
    .m_axis_tlast(acc_out_tlast)
  );

endmodule : {dma.TOP}
"""
