"""Carry chains as nextpnr-xilinx packs them: handing over the bits that are used, and counting what it makes.

It splits every CARRY4 into four bits, used or not, puts LUTs in front of each bit, and packs MUXCY and XORCY
into CARRY4 again, each chain from the first slice of a tile (pack_carry_xc7.cc, October 2024). So it gets
MUXCY and XORCY of the used bits; and of a part's CARRY4 it can place every other one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Cell = dict[str, Any]
Bit = int | str  # a net's number, or a constant


@dataclass(frozen=True)
class Packed:
    """What the packer makes of a netlist.

    Attributes:
        chains: of carries.
        carries: CARRY4.
    """

    chains: int
    carries: int


def used_bits(cells: dict[str, Cell], ports: Iterable[Bit], new: Callable[[], int]) -> dict[str, Cell]:
    """The MUXCY and XORCY that replace the CARRY4 of a module: {name: cell}; those are taken out of `cells`.

    Args:
        cells: of the module; changed.
        ports: bits of its ports.
        new: gives the number of a new net.
    """
    read = {bit for bit in ports if isinstance(bit, int)}
    for cell in cells.values():
        for pin, bits in cell["connections"].items():
            if cell["port_directions"].get(pin) != "output":
                read.update(bit for bit in bits if isinstance(bit, int))
    made: dict[str, Cell] = {}
    for name in [name for name, cell in cells.items() if cell["type"] == "CARRY4"]:
        made |= _bits(name, cells.pop(name)["connections"], read, new)
    return made


def four_bits(pins: Mapping[str, list[Bit]]) -> tuple[Bit, list[Bit], list[Bit], list[Bit], list[Bit]]:
    """Of the pins of a CARRY4: the carry into it, and S, DI, O, CO of its bits."""
    starts = [(pins.get(pin) or ["x"])[0] for pin in ("CI", "CYINIT")]
    choice, data, sums, outs = ([*pins.get(pin, []), *"xxxx"][:4] for pin in ("S", "DI", "O", "CO"))
    return next((start for start in starts if start not in ("0", "x")), "0"), choice, data, sums, outs


def _bits(
    name: str, pins: Mapping[str, list[Bit]], read: set[int], new: Callable[[], int]
) -> dict[str, Cell]:
    """Of one CARRY4: up to the last bit that something reads."""
    carry, choice, data, sums, outs = four_bits(pins)
    used = [k for k in range(4) if sums[k] in read or outs[k] in read]
    made: dict[str, Cell] = {}
    for k in range(1 + max(used, default=-1)):
        select = _known(choice[k])
        if sums[k] in read:
            made[f"{name}.xor{k}"] = _cell("XORCY", {"CI": carry, "LI": select, "O": sums[k]})
        out = outs[k] if isinstance(outs[k], int) else new()
        made[f"{name}.mux{k}"] = _cell("MUXCY", {"CI": carry, "DI": _known(data[k]), "S": select, "O": out})
        carry = out
    return made


def _known(bit: Bit) -> Bit:
    return "0" if bit == "x" else bit


def _cell(kind: str, pins: dict[str, Bit]) -> Cell:
    return {
        "hide_name": 0, "type": kind, "parameters": {}, "attributes": {},
        "port_directions": {pin: "output" if pin == "O" else "input" for pin in pins},
        "connections": {pin: [bit] for pin, bit in pins.items()},
    }  # fmt: skip


def packed_carries(cells: Mapping[str, Cell]) -> Packed:
    """What the packer makes of a netlist whose carries are MUXCY and XORCY."""
    users: dict[Bit, list[tuple[Cell, str]]] = defaultdict(list)
    drivers: dict[Bit, Cell] = {}
    for cell in cells.values():
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"].get(pin) == "output":
                    drivers[bit] = cell
                elif isinstance(bit, int):
                    users[bit].append((cell, pin))
    chains, carries = 0, 0
    for cell in cells.values():
        if cell["type"] != "MUXCY":
            continue
        start = cell["connections"]["CI"][0]
        if drivers.get(start, {"type": ""})["type"] == "MUXCY" and _legal(users[start]):
            continue
        chains += 1
        bits, out, bit = 0, start, cell
        while True:
            bits += 1
            out = bit["connections"]["O"][0]
            follow = [one for one, _ in users[out] if one["type"] == "MUXCY"]
            if not _legal(users[out]) or not follow:
                break
            bit = follow[0]
        bits += bool(users[out])
        carries += -(-bits // 4)
    return Packed(chains, carries)


def _legal(users: list[tuple[Cell, str]]) -> bool:
    """Whether a carry may stay inside a chain: it goes to one MUXCY, one XORCY, or both of a bit."""
    kinds = [(cell["type"], pin) for cell, pin in users]
    if len(set(kinds)) < len(kinds) or not {*kinds} <= {("MUXCY", "CI"), ("XORCY", "CI")}:
        return False
    chosen = {cell["connections"]["S" if cell["type"] == "MUXCY" else "LI"][0] for cell, _ in users}
    return len(chosen) < 2
