"""Registers behind a block RAM become the block's own output registers, which Yosys does not use.

A block RAM of an ECP5 gives its word 5.8 ns after the clock edge, much sooner from its output register; and a
register of a slice needs, besides, a wire to it from the column of the blocks.
"""

from collections.abc import Mapping
from typing import Any

from xnorforge.core.types import Record

BLOCK, REGISTER = "DP16KD", "TRELLIS_FF"
Bit = int | str


def use_output_registers(module: Record) -> int:
    """Take registers into the block RAMs of a mapped module of Yosys' JSON, in place.

    A port's outputs are taken where each one that is used leads to one register and to nothing else, and all
    these registers have the port's clock, one clock enable and no reset; of a block of 36 bits, both halves.

    Returns:
        How many registers went.
    """
    cells = module["cells"]
    loads = _loads(module)
    taken = 0
    for block in [cell for cell in cells.values() if cell["type"] == BLOCK]:
        wide = any(_number(block["parameters"][f"DATA_WIDTH_{port}"]) == 36 for port in "AB")
        for ports, clock in [("AB", "B")] if wide else [("A", "A"), ("B", "B")]:
            names, enable = _registers(block, ports, clock, cells, loads)
            if not names:
                continue
            for port in ports:
                block["parameters"][f"REGMODE_{port}"] = "OUTREG"
                block["connections"][f"OCE{port}"] = [enable]
            for output, name in names.items():
                block["connections"][output] = cells.pop(name)["connections"]["Q"]
            taken += len(names)
    return taken


def _registers(
    block: Mapping[str, Any], ports: str, clock: str, cells: Mapping[str, Any],
    loads: Mapping[Bit, list[tuple[str, str]]],
) -> tuple[dict[str, str], Bit]:  # fmt: skip
    """{output of these ports: the register behind it}, and their enable; empty where they cannot be taken."""
    pins, found = block["connections"], dict[str, str]()
    if any(
        block["parameters"][f"REGMODE_{port}"] != "NOREG" or pins[f"RST{port}"] != ["0"] for port in ports
    ):
        return {}, "1"
    rising = block["parameters"].get(f"CLK{clock}MUX", f"CLK{clock}") == f"CLK{clock}"
    clocked = pins[f"CLK{clock}"][0], "CLK" if rising else "INV"
    enables = set[Bit]()
    for output in (f"DO{port}{bit}" for port in ports for bit in range(18)):
        ends = loads.get(pins.get(output, ["x"])[0], [])
        if not ends:
            continue
        (name, pin), cell = ends[0], cells.get(ends[0][0], {})
        if len(ends) > 1 or pin != "DI" or cell["type"] != REGISTER or not _plain(cell):
            return {}, "1"
        if (cell["connections"]["CLK"][0], cell["parameters"].get("CLKMUX", "CLK")) != clocked:
            return {}, "1"
        always = cell["parameters"].get("CEMUX", "1") == "1"
        enables.add("1" if always else cell["connections"]["CE"][0])
        found[output] = name
    return (found, enables.pop()) if len(enables) == 1 else ({}, "1")


def _plain(register: Mapping[str, Any]) -> bool:
    """Whether it has no reset and an enable that is high where it is on, if any."""
    pins, parameters = register["connections"], register["parameters"]
    return (
        pins.get("LSR", ["0"]) == ["0"]
        and parameters.get("REGSET", "RESET") == "RESET"
        and parameters.get("CEMUX", "1") in ("1", "CE")
    )


def _loads(module: Mapping[str, Any]) -> dict[Bit, list[tuple[str, str]]]:
    """Cell and pin, or port of the module, behind every output of a block RAM."""
    found: dict[Bit, list[tuple[str, str]]] = {
        bits[0]: []
        for cell in module["cells"].values()
        if cell["type"] == BLOCK
        for pin, bits in cell["connections"].items()
        if pin.startswith("DO") and bits
    }
    for name, cell in module["cells"].items():
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if bit in found and not (cell["type"] == BLOCK and pin.startswith("DO")):
                    found[bit].append((name, pin))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            if bit in found:
                found[bit].append(("", name))
    return found


def _number(value: str | int) -> int:
    return int(value, 2) if isinstance(value, str) else value
