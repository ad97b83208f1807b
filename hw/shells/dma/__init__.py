"""The shell with a DMA master: registers on AXI4-Lite, frames in memory on AXI (docs/shell.md)."""

import inspect
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.wrap import SPDX, library

TOP = "xf_system"
WORD = 8  # bytes; a frame in memory is whole words


@dataclass(frozen=True)
class FrameLayout:
    """How a frame lies in memory: `beats` slots one behind the other, filled up to whole words.

    Attributes:
        bytes: of a beat of the stream.
        beats: of a frame.
    """

    bytes: int
    beats: int

    @property
    def slot(self) -> int:
        """Bytes from one beat to the next: 1, 2, 4 or a multiple of 8, the smallest that holds a beat."""
        return next((size for size in (1, 2, 4) if self.bytes <= size), -(-self.bytes // WORD) * WORD)

    @property
    def stride(self) -> int:
        """Bytes from one frame to the next, a multiple of 8."""
        return -(-self.slot * self.beats // WORD) * WORD


def shell_sources() -> list[Path]:
    """The SystemVerilog files of the shell, the library's that it uses among them, in reading order."""
    own = Path(str(files("xnorforge.hw") / "shells" / "dma"))
    folders = [Path(inspect.getfile(op)).parent for op in (Fifo, Width)]
    parts = [path for folder in folders for path in sorted(folder.glob("*.sv"))]
    return [*library([]), *parts, *sorted(own.glob("*.sv"))]


def system(into: FrameLayout, out: FrameLayout, network: int, address_bits: int = 32) -> str:
    """The text of `xf_system`: the shell around `xf_top`, with the ports of both buses.

    Args:
        into, out: the frames of both streams.
        network: 64-bit hash of the network, which the drivers look at.
        address_bits: of a byte in memory, 13 .. 64.
    """
    shell = (files("xnorforge.hw") / "shells" / "dma" / "xf_shell.sv").read_text()
    ports = shell.split(") (\n", 1)[1].split("  // The accelerator\n")[0]
    head = ports.replace("AddrW-1", str(address_bits - 1)).rstrip().removesuffix(",")
    names = [line.split()[-1].rstrip(",") for line in head.splitlines()]
    return f"""{SPDX}//
// The accelerator in its shell: registers on AXI4-Lite, frames in memory on AXI; generated.

module {TOP} (
{head}
);

  logic acc_aresetn, acc_in_tvalid, acc_in_tready, acc_out_tvalid, acc_out_tready, acc_out_tlast;
  logic [{8 * into.bytes - 1}:0] acc_in_tdata;
  logic [{8 * out.bytes - 1}:0] acc_out_tdata;

  xf_shell #(
    .AddrW({address_bits}), .InBytes({into.bytes}), .InBeats({into.beats}),
    .OutBytes({out.bytes}), .OutBeats({out.beats}), .Hash(64'h{network:016x})
  ) u_shell (
    {", ".join(f".{name}" for name in names)},
    .acc_aresetn, .acc_in_tdata, .acc_in_tvalid, .acc_in_tready,
    .acc_out_tdata, .acc_out_tvalid, .acc_out_tready, .acc_out_tlast
  );

  xf_top u_top (
    .aclk, .aresetn(acc_aresetn),
    .s_axis_tdata(acc_in_tdata), .s_axis_tvalid(acc_in_tvalid), .s_axis_tready(acc_in_tready),
    .m_axis_tdata(acc_out_tdata), .m_axis_tvalid(acc_out_tvalid), .m_axis_tready(acc_out_tready),
    .m_axis_tlast(acc_out_tlast)
  );

endmodule : {TOP}
"""
