"""Delays and wires of a 7-series part, read from Project X-Ray's database where openXC7 installed it.

The database (CC0) has the slow corner of one speed grade, the one its part was measured with: for zynq7
xc7z020clg400-1. Its files: `<device>/tilegrid.json` (tiles), `<device>/tileconn.json` (wires that are one
across tiles), `tile_type_*.json` (switches, wires, pins of sites), `timings/*.sdf` (cells). Delays are in
ns, resistances in ohms, capacitances in fF.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record

SLOWEST = slice(2, 4)  # of a delay's four figures: fast least, fast most, slow least, slow most
CELL = re.compile(r'\(CELLTYPE "(.*)"\)\s*\(INSTANCE (.*)\)')
PATH = re.compile(r"\(IOPATH (\S+) (\S+) \(\S+\)\((\S*)::(\S+)\)\)")
CHECK = re.compile(r"\((?:SETUP|RECOVERY) (\S+) \(posedge (\S+)\) \((\S*)::(\S+)\)\)")
Wire = tuple[str, str]  # tile, name


@dataclass(frozen=True)
class Switch:
    """A programmable connection, or a fixed one (`isolates` False, no delay).

    Attributes:
        ns: its own delay.
        ohm: resistance that it drives with.
        ff: capacitance that its driver sees.
        isolates: a buffer: its driver does not see what follows.
    """

    ns: float
    ohm: float
    ff: float
    isolates: bool


@dataclass(frozen=True)
class SitePin:
    """A pin of a site.

    Attributes:
        site: the site in its tile, "SLICE_X0Y0".
        pin: its name.
        ns: its own delay.
        ohm: resistance of an output; 0 for an input.
    """

    site: str
    pin: str
    ns: float
    ohm: float


@dataclass(frozen=True)
class Cell:
    """Times of a cell in SDF.

    Attributes:
        paths: {(input, output): delay}.
        checks: {input: setup or recovery time}.
    """

    paths: Mapping[tuple[str, str], float]
    checks: Mapping[str, float]


class TileType:
    """Switches, wires and pins of a kind of tile."""

    def __init__(self, data: Record):
        self.switches: dict[tuple[str, str], Switch] = {}
        for pip in data["pips"].values():
            there, back = (pip["src_wire"], pip["dst_wire"]), (pip["dst_wire"], pip["src_wire"])
            self.switches[there] = _switch(pip, pip.get("src_to_dst"))
            if pip["is_directional"] == "0":
                self.switches[back] = _switch(pip, pip.get("dst_to_src"))
        self.wires: dict[Any, tuple[float, float]] = {
            name: (float(load["res"]), float(load["cap"])) if load else (0.0, 0.0)
            for name, load in data["wires"].items()
        }
        self.pins: dict[str, list[SitePin]] = defaultdict(list)
        for site in data["sites"]:
            for name, pin in site["site_pins"].items():
                if pin is not None:
                    ns = max(map(float, pin.get("delay", ["0"] * 4)[SLOWEST]))
                    ohm = float(pin.get("res", 0))
                    self.pins[pin["wire"]].append(SitePin(f"{site['prefix']}_{site['name']}", name, ns, ohm))


def _switch(pip: Mapping[str, Any], way: Mapping[str, Any] | None) -> Switch:
    way = way or {}
    delay = way.get("delay")
    ns = max(map(float, delay[SLOWEST])) if delay else 0.0
    isolates = bool(delay) and not int(pip.get("is_pass_transistor", 0))
    return Switch(ns, float(way.get("res") or 0), float(way.get("in_cap") or 0), isolates)


def die(folder: Path, device: str) -> str:
    """The device whose die another has: an xc7a35t is an xc7a50t of which less is sold."""
    alike = folder / "mapping" / "devices.yaml"
    named = rf"^['\"]?{device}['\"]?:\s+fabric: ['\"]?(\w+)"
    known = re.search(named, alike.read_text(), re.MULTILINE) if alike.is_file() else None
    return known[1] if known else device


def files_of(folder: Path, device: str) -> list[Path]:
    """The files of delays for a device that are installed; `Database` reads them."""
    places = ("tile_type_*.json", "timings/*.sdf", f"{die(folder, device)}/tile[gc]*.json")
    return [path for place in places for path in sorted(folder.glob(place))]


class Database:
    """Project X-Ray's database of a fabric, for one device.

    Args:
        folder: of the fabric, `zynq7`.
        device: as `xc7z020`.

    Raises:
        UserError: a file that timing needs is missing or has another form.
    """

    def __init__(self, folder: Path, device: str):
        self.folder = folder
        self.device = die(folder, device)
        self.tiles: dict[str, dict[str, Any]] = self._json(f"{self.device}/tilegrid.json")
        self.at = {(tile["grid_x"], tile["grid_y"]): name for name, tile in self.tiles.items()}
        self._types: dict[str, TileType] = {}
        self._cells: dict[str, dict[tuple[str, str], Cell]] = {}
        self._nodes: dict[Wire, tuple[Wire, ...]] = {}

    def _json(self, name: str) -> Any:
        return json.loads(self._text(name))

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text()
        except OSError as error:
            raise UserError(
                f"timing: Project X-Ray's database in {self.folder} lacks {name}; "
                "install openXC7's tools and databases from one release."
            ) from error

    def type_of(self, tile: str) -> str:
        """The kind of a tile."""
        return self.tiles[tile]["type"]

    def tile(self, tile: str) -> TileType:
        """Switches, wires and pins of a tile."""
        kind = self.type_of(tile)
        if kind not in self._types:
            self._types[kind] = TileType(self._json(f"tile_type_{kind}.json"))
        return self._types[kind]

    def cells(self, tile: str) -> dict[tuple[str, str], Cell]:
        """Times of the cells of a tile: {(kind of cell, instance): times}."""
        kind = self.type_of(tile)
        if kind not in self._cells:
            self._cells[kind] = _sdf(self._text(f"timings/{kind}.sdf"))
        return self._cells[kind]

    @cached_property
    def _joints(self) -> dict[tuple[str, str], list[tuple[int, int, str, str]]]:
        """{(kind of tile, wire): where the same wire continues: steps in the grid, kind of tile, name}."""
        found: dict[tuple[str, str], list[tuple[int, int, str, str]]] = defaultdict(list)
        for one in self._json(f"{self.device}/tileconn.json"):
            (first, second), (dx, dy) = one["tile_types"], one["grid_deltas"]
            for near, far in one["wire_pairs"]:
                found[first, near].append((dx, dy, second, far))
                found[second, far].append((-dx, -dy, first, near))
        return found

    def node(self, wire: Wire) -> tuple[Wire, ...]:
        """All names of a wire, in the tiles that it runs through; the same tuple for each of them."""
        if wire not in self._nodes:
            members, pending = {wire}, [wire]
            while pending:
                tile, name = pending.pop()
                place = self.tiles[tile]
                for dx, dy, kind, other in self._joints.get((place["type"], name), ()):
                    near = self.at.get((place["grid_x"] + dx, place["grid_y"] + dy))
                    if near and self.type_of(near) == kind and (near, other) not in members:
                        members.add((near, other))
                        pending.append((near, other))
            self._nodes.update(dict.fromkeys(members, tuple(sorted(members))))
        return self._nodes[wire]

    def load(self, node: tuple[Wire, ...]) -> tuple[float, float]:
        """Resistance and capacitance of a wire.

        Of a long vertical line only two parts count: the rest is in its switches (Project X-Ray,
        minitests/timing).
        """
        parts = [self.tile(tile).wires.get(name, (0.0, 0.0)) for tile, name in node]
        if any(name.startswith("LV") for _, name in node):
            parts = sorted(parts, reverse=True)[:2]
        return sum(ohm for ohm, _ in parts), sum(ff for _, ff in parts)


def _sdf(text: str) -> dict[tuple[str, str], Cell]:
    found: dict[tuple[str, str], Cell] = {}
    heads = list(CELL.finditer(text))
    for head, end in zip(heads, [*(one.start() for one in heads[1:]), len(text)]):
        body = text[head.end() : end]
        paths: dict[tuple[str, str], float] = {}
        checks: dict[str, float] = {}
        for source, sink, *delays in PATH.findall(body):
            paths[source, sink] = max(float(ns) for ns in delays if ns)
        for pin, _, *delays in CHECK.findall(body):
            checks[pin] = max(checks.get(pin, float("-inf")), *(float(ns) for ns in delays if ns))
        found[head[1], head[2]] = Cell(paths, checks)
    return found
