"""A serial line around an accelerator, which every board has or takes by two pins: the shell that is routed.

An accelerator's own streams are wider than most boards have pins, and a clock that is to be measured has to
start and end in registers: a shell gives both.
"""

from importlib.resources import files
from pathlib import Path


def uart_sources() -> list[Path]:
    """SystemVerilog of the shell, in reading order."""
    hw = Path(str(files("xnorforge.hw")))
    own = sorted((hw / "shells" / "uart").glob("*.sv"))
    return [hw / "rtl" / "xf_skid.sv", hw / "ops" / "fifo" / "xf_fifo.sv", *own]


def included() -> list[Path]:
    """The files that these include."""
    return sorted((Path(str(files("xnorforge.hw"))) / "rtl").glob("*.svh"))


def black_box(bytes_in: int, bytes_out: int) -> str:
    """Verilog of `xf_top` without what is in it, for beats of so many bytes."""
    return f"""(* blackbox *) module xf_top (
  input aclk, input aresetn,
  input [{8 * bytes_in - 1}:0] s_axis_tdata, input s_axis_tvalid, output s_axis_tready,
  output [{8 * bytes_out - 1}:0] m_axis_tdata, output m_axis_tvalid, input m_axis_tready, output m_axis_tlast
);
endmodule
"""
