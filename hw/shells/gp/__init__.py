"""The shell without a bus master, for small networks: only registers on AXI4-Lite (docs/guide/board.md).

The processor itself writes the words of frames and reads the words of answers.
"""

from importlib.resources import files
from pathlib import Path

from xnorforge.hw.shells import dma

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
    return dma.system_text("gp/xf_gp_shell", {"Depth": DEPTH}, into, out, network)
