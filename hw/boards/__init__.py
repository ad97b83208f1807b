"""Boards: data in `hw/boards/<name>/board.toml`, which is read and checked here."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from xnorforge.core import networks
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.plugins import place
from xnorforge.core.types import Record
from xnorforge.hw import families

MOST_BYTES = 1 << 16  # of a board.toml
NEEDED = ("lut", "ff", "bram36", "dsp")  # of every capacity
SHELL_KINDS = ("uart", "dma")  # the first where a board names none
PART = re.compile(r"[A-Za-z0-9][\w./+-]*", re.ASCII)
PIN = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
ADDRESS = re.compile(r"https?://[^\s\"'<>`\\]+")


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: folder name, the value of the option BOARD.
        title: name and maker, for reports.
        part: the device as its maker spells it.
        family: a folder in hw/families; decides how Yosys maps and what the cells are called.
        clock_mhz: clock in MHz.
        clock_kind: where the clock figure comes from.
        interval: target in cycles per frame where neither the network nor the user gives one.
        capacity: resources of the part: `lut`, `ff`, `bram36`, `dsp`, and carry cells where the family counts
            them; whole numbers, but for `bram36`.
        links: addresses of the documentation of board and part.
        shell: how a bitstream is made: `kind` (`shell_kind`), `pins` {role: pin}, `low` (active-low roles),
            `baud` of a serial line, `clock_mhz` of the oscillator where the clock comes from a pin; empty if
            no bitstream is made.
        load: program and arguments that load a bitstream, whose path follows; empty if the board's own
            processor does it.
    """

    name: str
    title: str
    part: str
    family: str
    clock_mhz: float
    clock_kind: str
    interval: int
    capacity: dict[str, float]
    links: dict[str, str]
    shell: Record = field(default_factory=dict)
    load: tuple[str, ...] = ()

    @property
    def simulates_netlists(self) -> bool:
        """Whether the cells of the part have models, so that a mapped netlist can be simulated."""
        return bool(families.load(self.family).simulation)

    @property
    def shell_kind(self) -> str:
        """The shell around the accelerator in a bitstream: "uart" or "dma", a folder in hw/shells."""
        return self.shell.get("kind", SHELL_KINDS[0])

    def interval_for(self, net: str) -> int:
        """The target in cycles per frame for a network: its own, or the board's if its file states none.

        Args:
            net: its name, which may be followed by a method or run, and may be unknown here.
        """
        return networks.interval(net) or self.interval


def at_clock(board: Board, clock: str | None) -> Board:
    """The board at another clock: "250MHz", "250" or "4ns"; None leaves its own."""
    if not clock:
        return board
    mhz = 1e3 / float(clock[:-2]) if clock.endswith("ns") else float(clock.removesuffix("MHz"))
    return replace(board, clock_mhz=mhz, clock_kind="planned, not routed")


def of_folding(record: Record) -> Board:
    """The board of a fold.json, at the clock that the folding was planned for."""
    board, mhz = load(record["board"]), record["clock_mhz"]["value"]
    return at_clock(board, None if mhz == board.clock_mhz else str(mhz))


def load(name: str) -> Board:
    """Read a board by its folder name.

    Raises:
        UserError: there is no such board (the text names those that exist and the nearest); or its file
            cannot be read, lacks a field, or has an unknown field or value.
    """
    path = place("hw.boards", name) / "board.toml"
    data = _read(path)
    for name_of, (words, fits) in FIELDS.items():
        table, _, key = name_of.rpartition(".")
        given = data.get(table, {}) if table else data
        if not isinstance(given, dict) or key not in given:
            if name_of in OPTIONAL:
                continue
            raise UserError(f"{path}: {name_of} is missing; give {words}.")
        if not fits(given[key]):
            raise UserError(f"{path}: {name_of} = {given[key]!r} is not valid; give {words}.")
    there = {name_of.partition(".")[0] for name_of in FIELDS}
    if stray := [*(set(data) - there), *(f"clock.{key}" for key in set(data["clock"]) - {"mhz", "kind"})]:
        raise UserError(f"{path}: unknown field {min(stray)}; use {', '.join(FIELDS)}.")
    if data["family"] not in families.names():
        raise unknown(f"{path}: family", data["family"], families.names())
    units = families.load(data["family"]).units
    if strange := sorted(set(data["capacity"]) - set(units)):
        raise UserError(
            f"{path}: capacity.{strange[0]} is not a resource of the family {data['family']}; use "
            f"{', '.join(units)}."
        )
    clock = data.pop("clock")
    return Board(name=name, clock_mhz=clock["mhz"], clock_kind=clock["kind"], **data)


def _read(path: Path) -> Record:
    """A TOML file; a pipe, a device or a very long file is not opened."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a regular file")
        if path.exists() and path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        return tomllib.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UserError(
            f"{path}: cannot be read as a board ({why}); write the fields {', '.join(FIELDS)}."
        ) from error


def _line(value) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 200


def _count(value) -> bool:
    return type(value) is int and 0 < value < 1 << 53


def _amount(named: tuple[str, object]) -> bool:
    """Whether it is a capacity; a block RAM of 4 kbit is an eighth of a bram36."""
    name, value = named
    if name == "bram36" and isinstance(value, float) and value % 0.125 == 0:
        return 0 < value < 1 << 50
    return _count(value)


def _shell(value) -> bool:
    """Whether a table describes a shell: kind, pins by role, active-low roles, baud, maybe an oscillator."""
    if not isinstance(value, dict) or set(value) - {"kind", "pins", "low", "baud", "clock_mhz"}:
        return False
    kind, baud = value.get("kind", SHELL_KINDS[0]), value.get("baud")
    if kind not in SHELL_KINDS or not (_count(baud) or (kind != "uart" and baud is None)):
        return False
    pins, low, clock = value.get("pins"), value.get("low", []), value.get("clock_mhz", 1)
    if not isinstance(pins, dict) or not isinstance(low, list):
        return False
    named = all(isinstance(pin, str) and PIN.fullmatch(pin) for pin in pins.values())
    known = all(isinstance(role, str) and role in pins for role in low)
    return named and known and isinstance(clock, int | float) and 0 < clock <= 10_000


# {field: (what it holds, whether a value is that)}
FIELDS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "title": ("a line of text: name and maker", _line),
    "part": (
        "the device as its maker spells it (letters, digits and _ . / + -)",
        lambda value: _line(value) and PART.fullmatch(str(value)) is not None,
    ),
    "family": ("the name of a folder in hw/families", _line),
    "interval": ("a whole number of cycles above 0", _count),
    "clock.mhz": (
        "MHz, a number above 0 and up to 10,000",
        lambda value: isinstance(value, int | float) and value is not True and 0 < value <= 10_000,
    ),
    "clock.kind": ("a line of text: where the clock comes from", _line),
    "capacity": (
        f"whole numbers above 0 (bram36: or eighths) for {', '.join(NEEDED)} and the other resources of the "
        "family",
        lambda value: isinstance(value, dict) and all(map(_amount, value.items())) and {*NEEDED} <= {*value},
    ),
    "links": (
        "addresses that start with https://",
        lambda value: (
            isinstance(value, dict)
            and all(isinstance(one, str) and ADDRESS.fullmatch(one) for one in value.values())
        ),
    ),
    "shell": (
        "a table: kind (uart or dma), pins (by role), low (roles that are active low), baud (of a serial "
        "line) and clock_mhz (where the clock comes from a pin)",
        _shell,
    ),
    "load": (
        'a program that loads a bitstream, and its arguments: ["openFPGALoader", "-b", "ulx3s"]',
        lambda value: isinstance(value, list) and bool(value) and all(map(_line, value)),
    ),
}
OPTIONAL = ("shell", "load")  # without the first there is no bitstream, without the second no `make load`
