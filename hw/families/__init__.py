"""Part families: how Yosys maps for one, what its cells take of a part, and what its resources are called.

A family is a folder `hw/families/<name>/` whose `family.py` binds a `Family` to the name `FAMILY`. Where the
folder has models of the mapped cells, `cells.v`, the netlists of the family's boards are simulated; with
`placed.v`, models of the cells as its tool places them, so are the placed netlists.
"""

from dataclasses import dataclass, field
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError

KIND = "hw.families"
MODELS, PLACED = "cells.v", "placed.v"


@dataclass(frozen=True)
class Site:
    """A row of the utilisation table.

    Attributes:
        name: as the family's maker calls it.
        resources: the sum of these is used,
        cells: and of the mapped cells of these types.
        capacity: key of a board's capacity, None where the part's figure is not stated.
        per: so many sites make one of that capacity.
    """

    name: str
    resources: tuple[str, ...]
    capacity: str | None = None
    per: int = 1
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """One family of parts.

    Attributes:
        synth: the command of Yosys that maps for it.
        cells: what each mapped cell takes, {cell: {resource: amount}}, resources as in flows/synth/cells.py.
        units: names of the resources in a board's capacity, for messages: {key: (name, so many make one)}.
        sites: rows of the utilisation table.
        renamed: heads of the table of instances that have another name here.
        defines: macros for reading the RTL.
        simulation: Yosys' own models of the other cells, in its shared folder; of use beside `cells.v` only.
        vendor_tool: command and name of the tool that makes a bitstream, None where it is an open one.
        rom_rows: words in a column of weights in block RAM, a power of two; behind them is a register, and
            a deeper memory has several columns and one more. 0: none; Yosys stacks the blocks.
        steps: what `synth` runs, where something in it is done otherwise: {synth} stands for that command,
            {top} for the top module, {block_rams} for `block_rams` without contents, which are put into the
            cells behind that step.
        block_rams: Yosys' map of block RAMs, in its shared folder.
    """

    synth: str
    cells: dict[str, dict[str, float]]
    units: dict[str, tuple[str, int]]
    sites: tuple[Site, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    defines: tuple[str, ...] = ()
    simulation: str = ""
    vendor_tool: tuple[str, str] | None = None
    rom_rows: int = 0
    steps: tuple[str, ...] = ("{synth}",)
    block_rams: str = ""


def names() -> list[str]:
    """Families by name, sorted."""
    return plugins.names(KIND)


def load(name: str) -> Family:
    """A family by its folder name.

    Raises:
        UserError: no such family (the text names those that exist and the nearest), or its file makes none.
    """
    found = getattr(plugins.load(KIND, name, "family"), "FAMILY", None)
    if not isinstance(found, Family):
        raise UserError(
            f"{plugins.place(KIND, name)}/family.py: FAMILY is {type(found).__name__}, not a Family; write "
            "FAMILY = Family(…) as hw/families/xc7 does."
        )
    return found


def models(name: str) -> Path | None:
    """The family's models of its mapped cells, for simulating a netlist; None where it has none."""
    own = plugins.place(KIND, name) / MODELS
    return own if own.is_file() else None


def placed_models(name: str) -> Path | None:
    """The family's models of cells as they are placed; None where it has none."""
    own = plugins.place(KIND, name) / PLACED
    return own if own.is_file() else None


def modelled() -> list[str]:
    """Families whose netlists are simulated."""
    return [name for name in names() if models(name)]
