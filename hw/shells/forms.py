"""The shells that a processor drives, by the `kind` of a board's file: what overlay, simulation and bitstream
take from each.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.hw.shells import dma, gp
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
        identity: what its first register holds.
        registers: {name: address}.
        word: bytes of the words that a frame is cut into.
        sources: its SystemVerilog, in reading order.
        header: text that the C++ of its simulation, sim/shell.cpp, includes.
    """

    identity: int
    registers: Mapping[str, int]
    word: int
    sources: Callable[[], list[Path]]
    header: str = ""

    def layout(self, border: Mapping[str, Any]) -> dma.FrameLayout:
        """How a frame of a stream (`border` of rtl.json, one side) lies in words."""
        return dma.FrameLayout(border["bytes"], border["beats"], self.word)

    def about(self) -> dict[str, Any]:
        """`shell` of an overlay's description."""
        return {"id": self.identity, "version": VERSION, "registers": dict(self.registers)}

    def text(self, border: Mapping[str, Any], network: int, template_bits: int, net: str) -> str:
        """The text of `xf_system` around the accelerator of a network.

        Args:
            border: of rtl.json, both sides.
            network, template_bits: as of `dma.system`.
            net: its name, for the message.

        Raises:
            UserError: the network has a template, and the shell no way to it.
        """
        into, out = self.layout(border["input"]), self.layout(border["output"])
        if self.identity == IDENTITY:
            return dma.system(into, out, network, template_bits=template_bits)
        if template_bits:
            raise UserError(
                f'{net}: [shell] kind = "gp" of the board has no window for the templates that the network '
                'is given over AXI4-Lite; give kind = "dma".'
            )
        return gp.gp_system(into, out, network)


FORMS = {
    "dma": HostShell(IDENTITY, REGISTERS, dma.WORD, dma.shell_sources),
    "gp": HostShell(GP_IDENTITY, GP_REGISTERS, gp.WORD, gp.gp_sources, "#define XF_NO_MEMORY\n"),
}


def form_of(kind: str) -> HostShell:
    """That of a board's kind; the one with a DMA where the kind names none that a processor drives."""
    return FORMS.get(kind, FORMS["dma"])
