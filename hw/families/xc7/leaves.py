"""Cells in the form that every version of nextpnr-xilinx takes and packs well.

LUT6_2 (two outputs) becomes a LUT per output with constant inputs folded into its table; SRL16E becomes 16
registers, and LUTs where its address is not constant; CARRY4 its used bits (carries.py). Versions since
August 2026 do the first themselves.
"""

from collections.abc import Sequence
from typing import Any

from xnorforge.hw.families.xc7 import carries

Cell = dict[str, Any]
Bit = int | str  # a net's number, or a constant "0", "1", "x"


def rewritten(netlist: dict[str, Any]) -> dict[str, Any]:
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
        module.get("cells", {}).update(carries.used_bits(module.get("cells", {}), ports, nets.new))
    return netlist


class _Nets:
    """New numbers for nets of a module."""

    def __init__(self, module: dict[str, Any]):
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
        "hide_name": 0,
        "type": f"LUT{len(connected)}",
        "parameters": {"INIT": f"{folded:0{1 << len(connected)}b}"},
        "attributes": {},
        "port_directions": {**dict.fromkeys(pins, "input"), "O": "output"},
        "connections": {**{pin: [bit] for pin, bit in zip(pins, connected)}, "O": [output]},
    }


def _number(cell: Cell, name: str) -> int:
    return int(cell["parameters"].get(name, "0").replace("x", "0"), 2)


def _pin(cell: Cell, name: str) -> Bit:
    bits = cell["connections"].get(name) or ["0"]
    return bits[0]


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
            "hide_name": 0,
            "type": "FDRE",
            "parameters": {"INIT": str(initial >> stage & 1), "IS_C_INVERTED": inverted[-1]},
            "attributes": {},
            "port_directions": {pin: "output" if pin == "Q" else "input" for pin in pins},
            "connections": {pin: [bit] for pin, bit in pins.items()},
        }
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
