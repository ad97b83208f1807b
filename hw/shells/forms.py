"""Shells that a processor drives, by the `kind` in a board's file, for overlay, simulation and bitstream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.boards import Board
from xnorforge.hw.ops._loads import recorded_address_bits
from xnorforge.hw.shells import dma, gp, uart
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import (
    GP_IDENTITY,
    GP_REGISTERS,
    IDENTITY,
    REGISTERS,
    VERSION,
)


@dataclass(frozen=True)
class HostShell:
    """A shell with registers for a processor.

    Attributes:
        identity: content of its first register.
        registers: {name: address}.
        word: bytes of the words that a frame is split into.
        sources: its SystemVerilog files, in reading order.
        header: text that the C++ of its simulation, sim/shell.cpp, includes.
    """

    identity: int
    registers: Mapping[str, int]
    word: int
    sources: Callable[[], list[Path]]
    header: str = ""

    def layout(self, border: Mapping[str, Any]) -> dma.FrameLayout:
        """Layout of a stream's frame in words (`border` of rtl.json, one side)."""
        return dma.FrameLayout(border["bytes"], border["beats"], self.word)

    def about(self) -> Record:
        """`shell` of an overlay's description."""
        return {"id": self.identity, "version": VERSION, "registers": dict(self.registers)}

    def text(self, record: Mapping[str, Any], network: int, net: str) -> str:
        """The text of `xf_system` around the accelerator of a network.

        Args:
            record: rtl.json.
            network: as for `dma.system`.
            net: name of the network, for the message.

        Raises:
            UserError: the network has loadable weights or weights from memory, which this shell does not
                support.
        """
        border, load_bits = record["border"], recorded_address_bits(record)
        into, out = self.layout(border["input"]), self.layout(border["output"])
        if self.identity == IDENTITY:
            weights = [self.layout(one) for one in record.get("outside", ())]
            return dma.system(into, out, network, load_bits=load_bits, weights=weights)
        check_inside(record, net)
        if load_bits:
            raise UserError(
                f"{net}: its weights are loaded over AXI4-Lite, which the board's [shell] kind = "
                '"gp" does not support; use kind = "dma".'
            )
        return gp.gp_system(into, out, network)


def check_inside(record: Mapping[str, Any], net: str) -> None:
    """Check that all constants of a network lie in it (`rtl.json`), for a shell without a port to memory.

    Raises:
        UserError: some come from outside with every frame.
    """
    if names := [one["operator"] for one in record.get("outside", ())]:
        raise UserError(
            f"{net}: the weights of {names[0]} come from memory with every frame, but the board's shell has "
            'no port to one; set its "rom" to "block", or build for a board with [shell] kind = "dma".'
        )


FORMS = {
    "dma": HostShell(IDENTITY, REGISTERS, dma.WORD, dma.shell_sources),
    "gp": HostShell(GP_IDENTITY, GP_REGISTERS, gp.WORD, gp.gp_sources, "#define XF_NO_MEMORY\n"),
}


def form_of(kind: str) -> HostShell:
    """The shell of a board's kind; the one with a DMA for kinds that no processor drives."""
    return FORMS.get(kind, FORMS["dma"])


def cycles_per_frame(board: Board, border: Mapping[str, Any]) -> int:
    """Least clock cycles between two frames behind a board's shell: a word per cycle on the bus, ten bits per
    byte on a serial line, in the direction that has more to move. 0 for a board without a shell.

    Args:
        border: `border` of rtl.json, both sides.
    """
    sides = border["input"], border["output"]
    if board.shell_kind in FORMS:
        layouts = map(FORMS[board.shell_kind].layout, sides)
        return max(layout.stride // layout.word for layout in layouts)
    if "baud" not in board.shell:
        return 0
    taken, given = (bytes(side["bytes"] * side["beats"]) for side in sides)
    longest = max(len(uart.frame_request(taken)), len(uart.with_check(given)))
    return 10 * uart.clocks_per_bit(board) * longest
