"""A routed 7-series design as a timing graph: FASM says which cells and switches are used, Project X-Ray's
database how long they take.

A net is a tree of resistances and capacitances (Elmore's delay), as Project X-Ray measured it; buffers
separate its parts. A LUT's input counts where its table depends on it. Not in the database, and so not
counted: multiplexers inside a slice, pins of I/O blocks, differences between branches of the clock.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xnorforge.hw.families.xc7.xray import Cell, Database, SitePin, Switch, Wire
from xnorforge.hw.static_timing import Graph

LINE = re.compile(r"^(\w+)\.([^ \[\n]+)(?:\[[\d:]+\])?(?: = \d+'b([01]+))?$", re.MULTILINE)
SITES = (
    (re.compile(r"SLICE[LM]_(X[01])\.(.+)"), "SLICE_{}Y0"),
    (re.compile(r"RAMB18_(Y[01])\.(.+)"), "RAMB18_X0{}"),
    (re.compile(r"DSP48\.DSP_([01])\.(.+)"), "DSP48_X0Y{}"),
)  # features of a site in FASM, and its name in the database
RAM_PORT = re.compile(r"ADDR[AB]|WE[AB]|REGCE[AB]|RST(?:RAM|REG)[AB]|EN(?:ARD|BWR)EN|D[IO]P?[AB]")
MODES = {"READ_FIRST": "RF", "NO_CHANGE": "NC"}
REGISTERS = ("AD", "ALUMODE", "CARRYIN", "CARRYINSEL", "C", "D", "INMODE", "M", "OPMODE", "P")  # of a DSP
LETTERS = "ABCD"
F8 = {"BOUTMUX.F8", "BFFMUX.F8"}
MUXES = {
    "F7AMUX": ({"AOUTMUX.F7", "AFFMUX.F7", *F8}, "AX", "B6LUT.O6", "A6LUT.O6"),
    "F7BMUX": ({"COUTMUX.F7", "CFFMUX.F7", *F8}, "CX", "D6LUT.O6", "C6LUT.O6"),
    "F8MUX": (F8, "BX", "F7BMUX.OUT", "F7AMUX.OUT"),
}  # who uses it; select, inputs 0 and 1
FULL = (1 << 64) - 1
HIGH = [sum(1 << row for row in range(64) if row >> pin & 1) for pin in range(6)]  # rows where an input is 1
Pin = tuple[str, str, str]  # tile, site, pin or cell and pin


@dataclass
class Fasm:
    """What a FASM file sets.

    Attributes:
        switches: tile, source and sink of each connection.
        features: {(tile, site): what is set there}.
        tables: {(tile, site, letter): table of a LUT; bit i is the output where input k is bit k of i}.
    """

    switches: list[tuple[str, str, str]] = field(default_factory=list)
    features: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    tables: dict[tuple[str, str, str], int] = field(default_factory=dict)


def read_fasm(text: str, database: Database) -> Fasm:
    """A FASM file, as nextpnr-xilinx writes it."""
    found = Fasm()
    for tile, name, bits in LINE.findall(text):
        if tile not in database.tiles:
            continue
        sink, _, source = name.partition(".")
        if (source, sink) in database.tile(tile).switches:
            found.switches.append((tile, source, sink))
            continue
        for form, place in SITES:
            if match := form.fullmatch(name):
                site = place.format(match[1])
                found.features[tile, site].add(match[2])
                if match[2].endswith("LUT.INIT"):
                    found.tables[tile, site, match[2][0]] = int(bits, 2)
    return found


class Nets:
    """The routed nets of a design: which pins of sites they connect, and their delays.

    Attributes:
        pins: {driver: {load: ns}}.
        low: inputs that are tied to 0.
        open: inputs of slices, block RAMs and DSPs on wires that nothing drives in the database, clocks left
            out.
    """

    def __init__(self, database: Database, switches: Iterable[tuple[str, str, str]]):
        self.database = database
        self.onward: dict[Wire, list[tuple[Wire, Switch]]] = defaultdict(list)
        self.nodes: dict[Wire, tuple[Wire, ...]] = {}
        driven = set[Wire]()
        for tile, source, sink in switches:
            start, end = self._node(tile, source), self._node(tile, sink)
            if start != end:
                self.onward[start].append((end, database.tile(tile).switches[source, sink]))
                driven.add(end)
        self.pins: dict[Pin, dict[Pin, float]] = {}
        self.low: set[Pin] = set[Pin]()
        self.open: set[Pin] = set[Pin]()
        for root in [node for node in self.onward if node not in driven]:
            names, drivers = {name for _, name in self.nodes[root]}, list(self._at(root))
            if names & {"GND_WIRE", "VCC_WIRE"}:
                self.low.update(pin for pin, _ in self._loads(root) if "GND_WIRE" in names)
            elif not drivers:
                timed = (pin for pin, _ in self._loads(root) if "CLK" not in pin[2])
                kinds = ("CLB", "BRAM", "DSP")
                self.open.update(pin for pin in timed if database.type_of(pin[0]).startswith(kinds))
            else:
                for pin, known in drivers:
                    self.pins[pin] = dict(self._delays(root, known))

    def _node(self, tile: str, name: str) -> Wire:
        members = self.database.node((tile, name))
        self.nodes[members[0]] = members
        return members[0]

    def _at(self, node: Wire) -> Iterator[tuple[Pin, SitePin]]:
        for tile, name in self.nodes[node]:
            for pin in self.database.tile(tile).pins.get(name, ()):
                yield (tile, pin.site, pin.pin), pin

    def _below(self, root: Wire) -> list[Wire]:
        """The nodes of a net, each behind the one that drives it."""
        order, seen = [root], {root}
        for node in order:
            for sink, _ in self.onward.get(node, ()):
                if sink not in seen:
                    seen.add(sink)
                    order.append(sink)
        return order

    def _loads(self, root: Wire) -> Iterator[tuple[Pin, SitePin]]:
        for node in self._below(root)[1:]:
            yield from self._at(node)

    def _delays(self, root: Wire, driver: SitePin) -> Iterator[tuple[Pin, float]]:
        """Each load of a driver with the delay to it."""
        order = self._below(root)
        wires = {node: self.database.load(self.nodes[node]) for node in order}
        seen: dict[Wire, float] = {}  # capacitance that a node's driver sees
        for node in reversed(order):
            behind = (way.ff + (0.0 if way.isolates else seen[to]) for to, way in self.onward.get(node, ()))
            seen[node] = wires[node][1] + sum(behind)

        def wire(node: Wire) -> float:
            ohm, ff = wires[node]
            return ohm * (seen[node] - ff / 2) * 1e-6

        at = {root: driver.ns + driver.ohm * seen[root] * 1e-6 + wire(root)}
        for node in order:
            for sink, way in self.onward.get(node, ()):
                at[sink] = at[node] + way.ns + way.ohm * seen[sink] * 1e-6 + wire(sink)
        for node in order[1:]:
            for pin, known in self._at(node):
                yield pin, at[node] + known.ns


def timing_graph(text: str, database: Database, names: Mapping[str, str] | None = None) -> "Design":
    """The graph of a routed design.

    Args:
        text: its FASM.
        names: {place of a cell, "SLICE_X0Y0/A6LUT" or the whole site "RAMB18_X0Y0": its name}; other cells
            are called by their place.
    """
    fasm = read_fasm(text, database)
    return Design(database, fasm, Nets(database, fasm.switches), names or {})


class Design:
    """Cells and nets of a routed design.

    Attributes:
        graph: of all registers; they have one clock.
        nets: its nets.
    """

    def __init__(self, database: Database, fasm: Fasm, nets: Nets, names: Mapping[str, str]):
        self.database, self.fasm, self.nets, self.names = database, fasm, nets, names
        self.graph: Graph = Graph()
        self.loads: set[Pin] = {pin for loads in nets.pins.values() for pin in loads}
        self.of_tile: dict[str, set[Pin]] = defaultdict(set)
        for pin in {*self.loads, *nets.pins}:
            self.of_tile[pin[0]].add(pin)
        for (tile, site), features in fasm.features.items():
            if site.startswith("SLICE"):
                self._slice(tile, site, features)
            else:
                self._block(tile, site, features)
        for tile in self.of_tile:
            if database.type_of(tile).startswith("PSS"):
                self._sequential(self.of_tile[tile], database.cells(tile).values(), _bus)
        for driver, loads in nets.pins.items():
            for load, ns in loads.items():
                self.graph.net(driver, load, ns, self._name(*driver))

    def _name(self, tile: str, site: str, pin: str) -> str:
        """The name of a cell or pin; its place in the part if it has none."""
        prefix, x, y = _coordinates(site)
        alike = [_coordinates(name) for name in self.database.tiles[tile]["sites"]]
        alike = [name for name in alike if name[0] == prefix] or [("", 0, 0)]
        x, y = x + min(name[1] for name in alike), y + min(name[2] for name in alike)
        place = f"{prefix}_X{x}Y{y}"
        return self.names.get(f"{place}/{pin}") or self.names.get(place, f"{place}/{pin}")

    def _inside(self, tile: str, site: str, source: str, sink: str) -> None:
        """A connection within a site; the database has no delay of it."""
        self.graph.logic((tile, site, source), (tile, site, sink), 0.0, "")

    def _slice(self, tile: str, site: str, features: set[str]) -> None:
        memory = self.database.type_of(tile).startswith("CLBLM") and site.endswith("_X0Y0")
        side = "SLICEM" if memory else "SLICEL"
        set_to = dict(one.split(".", 1) for one in features if "MUX." in one)
        for index, letter in enumerate(LETTERS):
            self._lut(tile, site, letter, side, features)
            wires = {
                "O6": f"{letter}6LUT.O6", "O5": f"{letter}5LUT.O5", "XOR": f"CARRY4.O{index}",
                "CY": f"CARRY4.CO{index}", "F7": "F7AMUX.OUT" if letter == "A" else "F7BMUX.OUT",
                "F8": "F8MUX.OUT", f"{letter}5Q": f"{letter}5FF.Q", f"{letter}X": f"{letter}X",
                "IN_A": f"{letter}5LUT.O5", "IN_B": f"{letter}X",
            }  # fmt: skip
            self._inside(tile, site, wires["O6"], letter)
            if (chosen := set_to.get(f"{letter}OUTMUX")) in wires:
                self._inside(tile, site, wires[chosen], f"{letter}MUX")
            for bel, model, out in (
                (f"{letter}FF", "REG_INIT_FF", f"{letter}Q"),
                (f"{letter}5FF", "FF_INIT", f"{letter}5FF.Q"),
            ):
                if (chosen := set_to.get(f"{bel}MUX")) in wires:
                    self._inside(tile, site, wires[chosen], f"{bel}.DIN")
                    self._register(tile, site, bel, (model, side), out)
        for bel, (users, *sources) in MUXES.items():
            if users & features:
                times = self.database.cells(tile)["SELMUX2_1", f"{side}/{bel}"].paths
                for pin, source in zip(("S0", "0", "1"), sources):
                    ns = times[pin, "OUT"]
                    self.graph.logic(
                        (tile, site, source), (tile, site, f"{bel}.OUT"), ns, self._name(tile, site, bel)
                    )
        self._carry(tile, site, side, features, set_to)

    def _register(self, tile: str, site: str, bel: str, model: tuple[str, str], out: str) -> None:
        cells, name = self.database.cells(tile), self._name(tile, site, bel)
        times = cells[model]
        resets = [cells[f"{model[0]}_{level}", model[1]].checks["SR"] for level in ("QH", "QL")]
        self.graph.start((tile, site, out), times.paths["CLK", "Q"], name)
        for pin, ns in (("DIN", times.checks["DIN"]), ("CE", times.checks["CE"]), ("SR", max(resets))):
            if pin != "DIN":
                self._inside(tile, site, pin, f"{bel}.{pin}")
            self.graph.end((tile, site, f"{bel}.{pin}"), ns, name)

    def _lut(self, tile: str, site: str, letter: str, side: str, features: set[str]) -> None:
        kind = next((one for one in ("RAM", "SRL") if f"{letter}LUT.{one}" in features), "")
        if not kind and (tile, site, letter) not in self.fasm.tables:
            return
        cells = self.database.cells(tile)
        pins = [(tile, site, f"{letter}{index}") for index in range(1, 7)]
        tied = {k: int(pin not in self.nets.low) for k, pin in enumerate(pins) if pin not in self.loads}
        for size in (5, 6):
            bel = f"{letter}{size}LUT"
            out, name = (tile, site, f"{bel}.O{size}"), self._name(tile, site, bel)
            fixed = tied if size == 6 else {**tied, 5: 0}
            used = [k for k in range(6) if k not in fixed]
            if kind:
                self._memory(tile, site, letter, size, kind, features)
            else:
                table = _reduced(self.fasm.tables[tile, site, letter], fixed)
                used = [k for k in used if table >> (1 << k) & ~HIGH[k] & FULL != table & ~HIGH[k]]
            model = f"LUT_OR_MEM{size}LRAM" if side == "SLICEM" else f"LUT{size}"
            for k in used:
                ns = cells[model, f"{side}/{bel}"].paths[f"A{k + 1}", f"O{size}"]
                self.graph.logic(pins[k], out, ns, name)

    def _memory(self, tile: str, site: str, letter: str, size: int, kind: str, features: set[str]) -> None:
        """A LUT that is written: it starts and ends paths as a register does."""
        cells, bel = self.database.cells(tile), f"{letter}{size}LUT"
        model = f"LUT_OR_MEM{size}{'LRAM' if kind == 'RAM' else 'SHFREG'}"
        called = self._name(tile, site, bel)
        own, shared = cells[model, f"SLICEM/{bel}"], cells[model, "SLICEM"].checks
        self.graph.start((tile, site, f"{bel}.O{size}"), own.paths["CLK", f"O{size}"], called)
        data = (("DI1", f"{letter}I"), ("DI2", f"{letter}X"))
        ends = {pin: own.checks[name] for name, pin in data if name in own.checks}
        ends["CE" if "WEMUX.CE" in features else "WE"] = shared["WE"]
        ends |= {f"D{index}": shared[f"WA{index}"] for index in range(1, 7) if f"WA{index}" in shared}
        for used, pin in (("WA7", "CX"), ("WA8", "BX")):
            if f"{used}USED" in features and used in shared:
                ends[pin] = max(ends.get(pin, 0.0), shared[used])
        for pin, ns in ends.items():
            self.graph.end((tile, site, pin), ns, called)

    def _carry(self, tile: str, site: str, side: str, features: set[str], set_to: Mapping[str, str]) -> None:
        cells, name = self.database.cells(tile), self._name(tile, site, "CARRY4")
        outs: dict[str, str] = {}  # used output: the suffix of the model for its load
        sources: dict[str, tuple[str, str]] = {}  # input: where it comes from, suffix of the model
        for index, letter in enumerate(LETTERS):
            for value, out in (("XOR", f"O{index}"), ("CY", f"CO{index}")):
                wide, kept = (set_to.get(f"{letter}{mux}") == value for mux in ("OUTMUX", "FFMUX"))
                if wide or kept:
                    outs[out] = "_LBOTH" if wide and kept else "_LFF" if kept else ""
            sources[f"S{index}"] = (f"{letter}6LUT.O6", "")
            inner = f"CARRY4.{letter}CY0" in features
            sources[f"DI{index}"] = (f"{letter}5LUT.O5", "_O5") if inner else (f"{letter}X", f"_{letter}X")
        if (tile, site, "COUT") in self.nets.pins:
            outs.setdefault("CO3", "")
            self._inside(tile, site, "CARRY4.CO3", "COUT")
        if "PRECYINIT.CIN" in features:
            sources["CIN"] = ("CIN", "")
        elif "PRECYINIT.AX" in features:
            sources["CYINIT"] = ("AX", "")
        for out, load in outs.items():
            for pin, (source, variant) in sources.items():
                models = [cells.get((f"CARRY4{variant}{end}", side)) for end in (load, "")]
                found = [one.paths[pin, out] for one in models if one and (pin, out) in one.paths]
                if found:
                    self.graph.logic((tile, site, source), (tile, site, f"CARRY4.{out}"), found[0], name)

    def _block(self, tile: str, site: str, features: set[str]) -> None:
        """A block RAM or DSP: of the times that its settings leave, the longest."""
        ram = site.startswith("RAMB18")
        allowed, port = (_ram_settings(features), _ram_port) if ram else (_dsp_settings(features), _bus)
        left = [one for (model, _), one in self.database.cells(tile).items() if _fits(model, allowed)]
        sites = (site, "RAMB36_X0Y0") if ram else (site,)
        self._sequential([pin for pin in self.of_tile[tile] if pin[1] in sites], left, port)

    def _sequential(self, pins: Iterable[Pin], cells: Iterable[Cell], port: Callable[[str], str]) -> None:
        """Starts and ends of paths at pins of a cell with many of them."""
        setup: dict[str, float] = {}
        out: dict[str, float] = {}
        for cell in cells:
            for pin, ns in cell.checks.items():
                setup[port(pin)] = max(ns, setup.get(port(pin), ns))
            for (source, pin), ns in cell.paths.items():
                if "CLK" in source:
                    out[port(pin)] = max(ns, out.get(port(pin), ns))
        for pin in pins:
            name = self._name(pin[0], pin[1], pin[2])
            if pin in self.loads and port(pin[2]) in setup:
                self.graph.end(pin, setup[port(pin[2])], name)
            elif pin in self.nets.pins and port(pin[2]) in out:
                self.graph.start(pin, out[port(pin[2])], name)


def _coordinates(site: str) -> tuple[str, int, int]:
    """Kind and place: RAMB18_X0Y1 is ("RAMB18", 0, 1)."""
    prefix, _, place = site.rpartition("_X")
    x, _, y = place.partition("Y")
    return prefix, int(x), int(y)


def _reduced(table: int, fixed: Mapping[int, int]) -> int:
    """The table of a LUT some of whose inputs are constant."""
    for pin, value in fixed.items():
        half = table & HIGH[pin] if value else table & ~HIGH[pin]
        table = half | (half >> (1 << pin) if value else half << (1 << pin))
    return table


def _bus(pin: str) -> str:
    return pin.rstrip("0123456789")


def _ram_port(pin: str) -> str:
    found = RAM_PORT.match(pin)
    return found[0] if found else pin


def _ram_settings(features: set[str]) -> dict[str, set[str]]:
    """Which times hold: {name of a setting, a pattern: its values}."""
    modes = {
        next((short for long, short in MODES.items() if f"WRITE_MODE_{port}_{long}" in features), "WF")
        for port in "AB"
    }
    registers = {f"DO{port}_REG_[LU]": {str(int(f"DO{port}_REG" in features))} for port in "AB"}
    return {"ISFIFO": {"FALSE"}, "WRITE_MODE_[LU]": modes, **registers}


def _dsp_settings(features: set[str]) -> dict[str, set[str]]:
    known = {f"{name}REG": {str(int(f"Z{name}REG" not in features))} for name in REGISTERS}
    for port in "AB":
        known[f"{port}REG"] = {next((n for n in "02" if f"{port}REG_{n}" in features), "1")}
        known[f"{port}_INPUT"] = {"CASCADE" if f"{port}_INPUT" in features else "DIRECT"}
    return known | {"USE_DPORT": {"TRUE" if "USE_DPORT" in features else "FALSE"}}


def _fits(model: str, allowed: Mapping[str, set[str]]) -> bool:
    """Whether the name of a model, KIND_SETTING_VALUE_…, contradicts no setting."""
    return all(one in allowed[name] for name in allowed for one in re.findall(rf"_{name}_([A-Z0-9]+)", model))
