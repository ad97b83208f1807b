"""What a board is: data in `hw/boards/<name>/board.toml`, read here and checked."""

import tomllib
from dataclasses import dataclass

from xnorforge.core import networks
from xnorforge.core.plugins import place
from xnorforge.hw import families


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        name: folder name, the key on the command line.
        title: name and maker, for reports.
        part: the device as its maker spells it.
        family: a folder of hw/families; decides how Yosys maps and what the cells are called.
        clock_mhz, clock_kind: clock in MHz and where that figure comes from.
        interval: cycles per frame that a folding aims at where neither the network nor the user says.
        capacity: what the part has: `lut`, `ff`, `bram36`, `dsp`, and the carry cells where the family counts
            them.
        links: addresses of the board's and the part's documentation.
    """

    name: str
    title: str
    part: str
    family: str
    clock_mhz: float
    clock_kind: str
    interval: int
    capacity: dict[str, int]
    links: dict[str, str]

    @property
    def simulates_netlists(self) -> bool:
        """Whether the cells of the part have models, so that a mapped netlist can be simulated."""
        return families.models(self.family) is not None

    def interval_for(self, net: str) -> int:
        """Cycles per frame to aim at for a network: its own, or the board's where its file states none.

        Args:
            net: its name; a method or run may stand behind it, and it may be no network of ours.
        """
        return networks.interval(net) or self.interval


def load(name: str) -> Board:
    """Read a board by its folder name.

    Raises:
        UserError: no such board; the text names those that exist and the nearest.
    """
    data = tomllib.loads((place("hw.boards", name) / "board.toml").read_text())
    clock = data.pop("clock")
    return Board(name=name, clock_mhz=clock["mhz"], clock_kind=clock["kind"], **data)
