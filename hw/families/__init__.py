"""Part families: how Yosys maps for a family, which resources its cells use, and what they are called.

A family is a folder `hw/families/<name>/` whose `family.py` binds a `Family` to the name `FAMILY`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import Fabric

KIND = "hw.families"
MODELS, LUTS, ERRORS = "cells.v", "luts.json", "errors.json"
RATIO = "ratio"  # LUTs of a family's operators to the reference family's, for those it has not counted
REFERENCE = "xc7"  # estimates are of this family where none is named


@dataclass(frozen=True)
class Site:
    """A row of the utilisation table.

    Attributes:
        name: name of the row in the vendor's terms.
        resources: resources whose sum is used.
        capacity: key of a board's capacity; None if the part's figure is not known.
        per: number of sites that make one unit of that capacity.
        cells: types of mapped cells that are added to the sum.
    """

    name: str
    resources: tuple[str, ...]
    capacity: str | None = None
    per: int = 1
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A family of parts.

    Attributes:
        synth: the Yosys command that maps for it.
        cells: resources of each mapped cell, {cell: {resource: amount}}, as in flows/synth/cells.py.
        units: names of the resources in a board's capacity, {key: (name, number that makes one unit)}.
        sites: rows of the utilisation table.
        defines: macros for reading the RTL.
        simulation: Yosys' models of the mapped cells, in its shared folder, with which netlists can be
            simulated; models in the family's own `cells.v` take precedence. Empty: Yosys has none.
        models: files of models that it shares with other families; they come before its `cells.v`.
        vendor_tool: command and name of the tool that makes a bitstream; None if it is an open one.
        rom_rows: words in a column of weights in block RAM, a power of two, with a register after them;
            deeper memories have several columns and one more register. 0: Yosys chooses the blocks.
        steps: the commands that run in place of `synth`: {synth} stands for that command, {top} for the top
            module, {block_rams} for `block_rams` without contents, which are added to the cells afterwards.
        block_rams: Yosys' map of block RAMs, in its shared folder.
        fabric: its cells, for estimates.
        alike: the family whose counted LUTs estimates are fitted to if it has none of its own (`LUTS`).
        level_ns: time of an addition or comparison of a dozen bits with its routing: a plan for where
            registers stand, not a clock.
    """

    synth: str
    cells: dict[str, dict[str, float]]
    units: dict[str, tuple[str, int]]
    sites: tuple[Site, ...]
    defines: tuple[str, ...] = ()
    simulation: str = ""
    models: tuple[Path, ...] = ()
    vendor_tool: tuple[str, str] | None = None
    rom_rows: int = 0
    steps: tuple[str, ...] = ("{synth}",)
    block_rams: str = ""
    fabric: Fabric = field(default_factory=Fabric)
    alike: str = REFERENCE
    level_ns: float = 2.0


def names() -> list[str]:
    """Families by name, sorted."""
    return plugins.names(KIND)


def load(name: str) -> Family:
    """A family by its folder name.

    Raises:
        UserError: there is no such family (the text names those that exist and the nearest), or its file
            does not define one.
    """
    found = getattr(plugins.load(KIND, name, "family"), "FAMILY", None)
    if not isinstance(found, Family):
        raise UserError(
            f"{plugins.place(KIND, name)}/family.py: FAMILY is {type(found).__name__}, not a Family; write "
            "FAMILY = Family(…) as hw/families/xc7 does."
        )
    return found


def estimated_by(name: str) -> str:
    """The family whose counts the estimates of LUTs are fitted to: itself, or the one it is most alike."""
    return name if (plugins.place(KIND, name) / LUTS).is_file() else load(name).alike


@cache
def luts(name: str) -> Mapping[str, Mapping[str, float]]:
    """LUTs per amount of an operator's parts, {kind of operator: {amount: LUTs}}; see hw/parts.py."""
    return json.loads((plugins.place(KIND, estimated_by(name)) / LUTS).read_text())


def lender(name: str, kind: str) -> str:
    """Whose factors estimate the LUTs of a kind of operator; "" if the family has its own."""
    by = estimated_by(name)
    if kind in luts(by):
        return "" if by == name else by
    return f"{REFERENCE} × {luts(by)[RATIO]['']}" if kind in luts(REFERENCE) else "any operator"


def doubt(name: str, kind: str) -> str:
    """Whose an estimate's borrowed factors are and how far off they were; "" if it has its own."""
    path, whose = plugins.place(KIND, name) / ERRORS, lender(name, kind)
    measured = json.loads(path.read_text()) if path.is_file() else {}
    many, far, off = measured.get(kind, (0, 0, 0))
    said = f"{far} of {many} far off, {off:+.0%} in sum" if many else "never measured here"
    return f"factors of {whose}: {said}" if whose else ""


def models(name: str) -> list[Path]:
    """The files of models of its mapped cells, the shared ones first and the family's own last."""
    own = plugins.place(KIND, name) / MODELS
    return [*load(name).models, *([own] if own.is_file() else [])]


def modelled() -> list[str]:
    """Families whose netlists can be simulated."""
    return [name for name in names() if load(name).simulation]
