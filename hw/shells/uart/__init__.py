"""A serial line around an accelerator, which every board has or takes by two pins: the shell that is routed.

An accelerator's own streams are wider than most boards have pins, and a clock that is to be measured has to
start and end in registers: a shell gives both.
"""

from importlib.resources import files
from pathlib import Path

from xnorforge.hw.boards import Board


def uart_sources() -> list[Path]:
    """SystemVerilog of the shell, in reading order."""
    hw = Path(str(files("xnorforge.hw")))
    own = sorted((hw / "shells" / "uart").glob("*.sv"))
    return [hw / "rtl" / "xf_skid.sv", hw / "ops" / "fifo" / "xf_fifo.sv", *own]


def clocks_per_bit(board: Board) -> int:
    """Clock cycles of a bit on a board's serial line, at the board's clock."""
    return round(board.clock_mhz * 1e6 / board.shell["baud"])


def included() -> list[Path]:
    """The files that these include."""
    return sorted((Path(str(files("xnorforge.hw"))) / "rtl").glob("*.svh"))
