"""Cells in the form that every version of nextpnr-xilinx takes and packs well.

LUT6_2 (two outputs) becomes a LUT per output with constant inputs folded into its table; SRL16E becomes 16
registers, and LUTs where its address is not constant; CARRY4 a LUT per output where that does, else its used
bits (carries.py). Versions since August 2026 do the first themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from xnorforge.core.types import Record
from xnorforge.hw.families.xc7 import carries

Cell = dict[str, Any]
Bit = int | str  # a net's number, or a constant "0", "1", "x"
MOST = 6  # inputs of a LUT
LUTS = {"INV", *(f"LUT{inputs}" for inputs in range(1, MOST + 1))}


def rewritten(netlist: Record) -> Record:
    """A netlist (Yosys' JSON) with its LUT6_2, SRL16E and CARRY4 as other cells: the same function, cycle by
    cycle.

    The one that is given is changed.
    """
    for module in netlist["modules"].values():
        nets = _Nets(module)
        for name, cell in list(module.get("cells", {}).items()):
            if cell["type"] == "LUT6_2":
                del module["cells"][name]
                module["cells"].update(_split(name, cell))
            elif cell["type"] == "SRL16E":
                del module["cells"][name]
                module["cells"].update(_registers(name, cell, nets))
        ports = [bit for port in module.get("ports", {}).values() for bit in port["bits"]]
        cells = module.get("cells", {})
        _without_short_carries(cells, ports)
        cells.update(carries.used_bits(cells, ports, nets.new))
    return netlist


class _Nets:
    """New numbers for nets of a module."""

    def __init__(self, module: Record):
        used = [
            bit
            for part in ("cells", "ports", "netnames")
            for one in module.get(part, {}).values()
            for bits in (one["connections"].values() if part == "cells" else [one["bits"]])
            for bit in bits
            if isinstance(bit, int)
        ]
        self.last = max(used, default=1)

    def new(self) -> int:
        self.last += 1
        return self.last


def lut(table: int, inputs: Sequence[Bit], output: Bit) -> Cell:
    """A LUT of the inputs that are nets, each once; constants (x is 0) are folded into its table.

    Args:
        table: bit i is the output where input k is bit k of i.
    """
    free = sorted({bit for bit in inputs if isinstance(bit, int)})
    folded = 0
    for index in range(1 << len(free)):
        value = {bit: index >> place & 1 for place, bit in enumerate(free)}
        at = sum((value[bit] if isinstance(bit, int) else bit == "1") << k for k, bit in enumerate(inputs))
        folded |= (table >> at & 1) << index
    if not free:
        folded *= 3
    connected: list[Bit] = [*free] or ["0"]
    pins = [f"I{k}" for k in range(len(connected))]
    return {
        "hide_name": 0, "type": f"LUT{len(connected)}",
        "parameters": {"INIT": f"{folded:0{1 << len(connected)}b}"}, "attributes": {},
        "port_directions": {**dict.fromkeys(pins, "input"), "O": "output"},
        "connections": {**{pin: [bit] for pin, bit in zip(pins, connected)}, "O": [output]},
    }  # fmt: skip


def _number(cell: Cell, name: str) -> int:
    return int(cell["parameters"].get(name, "0").replace("x", "0"), 2)


def _pin(cell: Cell, name: str) -> Bit:
    bits = cell["connections"].get(name) or ["0"]
    return bits[0]


def _without_short_carries(cells: dict[str, Cell], ports: Iterable[Bit]) -> None:
    """LUTs in place of every CARRY4 that is no part of a chain, if each of its outputs depends on at most
    `MOST` nets: the LUTs in front of it become part of them, or else stay.
    """
    readers, drivers = _ends(cells, ports)
    joined = {name for name, cell in cells.items() if cell["type"] == "CARRY4"}
    for name in sorted(joined):
        carry, *rows = carries.four_bits(cells[name]["connections"])
        if drivers.get(carry) in joined or any(readers[bit] & joined for bit in rows[3] if bit != "x"):
            continue
        read = {bit for bit in rows[2] + rows[3] if isinstance(bit, int) and readers[bit]}
        front = _luts_of(rows[0] + rows[1], cells, drivers)
        made = _as_luts(carry, rows, read, front) or _as_luts(carry, rows, read, {})
        if not made:
            continue
        del cells[name]
        cells |= {f"{name}.lut{number}": one for number, one in enumerate(made)}
        inside = {bit for one in made for bit in _inputs(one)}
        for bit in front:
            if readers[bit] == {name} and bit not in inside:
                del cells[drivers[bit]]


def _ends(
    cells: Mapping[str, Cell], ports: Iterable[Bit]
) -> tuple[Mapping[Bit, set[str]], Mapping[Bit, str]]:
    """The cells that read each net ("" for a port), and the one that drives it."""
    readers, drivers = defaultdict[Bit, set[str]](set), dict[Bit, str]()
    for name, cell in cells.items():
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"].get(pin) == "output":
                    drivers[bit] = name
                else:
                    readers[bit].add(name)
    for bit in ports:
        readers[bit].add("")
    return readers, drivers


def _as_luts(
    carry: Bit, rows: Sequence[Sequence[Bit]], read: set[int], front: Mapping[Bit, Cell]
) -> list[Cell]:
    """LUTs for the outputs of a CARRY4 that are read; none if one needs too many inputs.

    Args:
        carry: into it.
        rows: S, DI, O, CO.
        front: LUTs that become part of them, by output.
    """
    made = list[Cell]()
    choice, data, sums, outs = rows
    for k, bit in [(k, bit) for k, two in enumerate(zip(sums, outs)) for bit in two if bit in read]:
        nets = [carry, *choice[: k + 1], *data[: k + (bit == outs[k])]]
        inner = {net: front[net] for net in nets if net in front}
        outer = {one for net in nets for one in (_inputs(inner[net]) if net in inner else [net])}
        found = sorted(one for one in outer if isinstance(one, int))
        if len(found) > MOST:
            return []
        table = 0
        for index in range(1 << len(found)):
            value: dict[Bit, int] = {one: index >> place & 1 for place, one in enumerate(found)}
            value |= {"0": 0, "1": 1, "x": 0}
            value |= {net: _output(one, value) for net, one in inner.items()}
            now = value[carry]
            for chosen, other in zip(choice[:k], data[:k]):
                now = now if value[chosen] else value[other]
            if bit == sums[k]:
                now ^= value[choice[k]]
            elif not value[choice[k]]:
                now = value[data[k]]
            table |= now << index
        made.append(lut(table, found, bit))
    return made


def _luts_of(nets: Iterable[Bit], cells: Mapping[str, Cell], drivers: Mapping[Bit, str]) -> dict[Bit, Cell]:
    """Of these nets, those that LUTs drive."""
    found = {bit: cells.get(drivers.get(bit, "")) for bit in nets}
    return {bit: one for bit, one in found.items() if one and one["type"] in LUTS}


def _inputs(cell: Cell) -> list[Bit]:
    """What a LUT, or an inverter, reads."""
    return [bit for pin, (bit,) in sorted(cell["connections"].items()) if pin.startswith("I")]


def _output(cell: Cell, value: Mapping[Bit, int]) -> int:
    """Of a LUT, or of an inverter, for values of its inputs."""
    table = 1 if cell["type"] == "INV" else _number(cell, "INIT")
    return table >> sum(value[bit] << place for place, bit in enumerate(_inputs(cell))) & 1


def _split(name: str, cell: Cell) -> dict[str, Cell]:
    """Both outputs of a LUT6_2: O5 reads the lower half of the table, O6 the whole (Xilinx UG953)."""
    table, inputs = _number(cell, "INIT"), [_pin(cell, f"I{k}") for k in range(6)]
    halves = {"O5": (table & (1 << 32) - 1, inputs[:5]), "O6": (table, inputs)}
    return {
        f"{name}.{output}": lut(half, read, _pin(cell, output))
        for output, (half, read) in halves.items()
        if isinstance(_pin(cell, output), int)
    }


def _registers(name: str, cell: Cell, nets: _Nets) -> dict[str, Cell]:
    """An SRL16E: D enters register 0 where CE is high, Q is the register that the address names."""
    address: list[Bit] = ["0" if bit == "x" else bit for bit in (_pin(cell, f"A{k}") for k in range(4))]
    output = _pin(cell, "Q")
    fixed = all(isinstance(bit, str) for bit in address)
    length = 1 + sum((bit == "1") << k for k, bit in enumerate(address)) if fixed else 16
    initial = _number(cell, "INIT")
    found: dict[str, Cell] = {}
    chain: list[Bit] = [_pin(cell, "D")]
    for stage in range(length):
        chain.append(output if fixed and stage == length - 1 else nets.new())
        pins = {"C": _pin(cell, "CLK"), "CE": _pin(cell, "CE"), "R": "0", "D": chain[-2], "Q": chain[-1]}
        inverted = cell["parameters"].get("IS_CLK_INVERTED", "0")
        found[f"{name}.stage{stage}"] = {
            "hide_name": 0, "type": "FDRE",
            "parameters": {"INIT": str(initial >> stage & 1), "IS_C_INVERTED": inverted[-1]},
            "attributes": {}, "port_directions": {pin: "output" if pin == "Q" else "input" for pin in pins},
            "connections": {pin: [bit] for pin, bit in pins.items()},
        }  # fmt: skip
    if not fixed:
        chosen: list[Bit] = []
        for group in range(4):
            chosen.append(nets.new())
            found[f"{name}.group{group}"] = lut(
                _mux_table(), [*chain[1 + 4 * group : 5 + 4 * group], *address[:2]], chosen[-1]
            )
        found[f"{name}.chosen"] = lut(_mux_table(), [*chosen, *address[2:]], output)
    return found


def _mux_table() -> int:
    """Of a LUT6: its inputs 4 and 5 say which of the inputs 0 to 3 is the output."""
    return sum((index >> (index >> 4 & 3) & 1) << index for index in range(64))
