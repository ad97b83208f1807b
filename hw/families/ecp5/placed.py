"""The placed netlist: the JSON that nextpnr-ecp5 writes after routing, as Verilog of cells in `placed.v`.

nextpnr leaves pins of a cell open that have a fixed level: a constant is then in the cell's parameters, or
is what the part ties such a pin to (its ecp5/bitstream.cc). Here they are all connected.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.hw.routing import ACCELERATOR, CUT, TOP

Cell = Mapping[str, Any]

# Inputs of a cell that stay open, and their level.
OPEN = {
    "TRELLIS_COMB": dict.fromkeys("ABCD", 1)
    | dict.fromkeys(("M", "F1", "FXA", "FXB", "FCI", "WD", "WRE", "WCK"), 0)
    | {f"WAD{k}": 0 for k in range(4)},
    "TRELLIS_RAMW": {f"{letter}{k}": 1 for letter in "ABCD" for k in (0, 1)},
    "TRELLIS_FF": {"CE": 1, "LSR": 0, "DI": 0, "M": 0},
    "DCCA": {"CE": 1},
    "EHXPLLL": {"RST": 0},
}
# Of a block RAM: pins whose open wire is 1, which `INV` inverts; those that are not named take part.
ENABLES, CONTROLS = ("CEA", "CEB", "OCEA", "OCEB"), ("CLKA", "CLKB", "WEA", "WEB", "RSTA", "RSTB")
BLOCK_BUSES = {"ADA": 14, "ADB": 14, "DIA": 18, "DIB": 18, "CSA": 3, "CSB": 3}
BUSES = {"DP16KD": {**BLOCK_BUSES, "DOA": 18, "DOB": 18}, "MULT18X18D": {"A": 18, "B": 18, "P": 36}}
PARAMETERS = {
    "TRELLIS_COMB": ("MODE", "INITVAL", "CCU2_INJECT1", "WREMUX", "WCKMUX"),
    "TRELLIS_RAMW": (),
    "TRELLIS_FF": ("CEMUX", "CLKMUX", "LSRMUX", "LSRMODE", "SRMODE", "REGSET", "SD"),
    "DP16KD": (
        *("DATA_WIDTH_A", "DATA_WIDTH_B", "WRITEMODE_A", "WRITEMODE_B", "REGMODE_A", "REGMODE_B"),
        *("RESETMODE", "CSDECODE_A", "CSDECODE_B"),
    ),
    "MULT18X18D": ("REG_INPUTA_CLK", "REG_INPUTB_CLK", "REG_PIPELINE_CLK", "REG_OUTPUT_CLK"),
    "EHXPLLL": (),
    "DCCA": (),
    "TRELLIS_IO": ("DIR",),
}
# Pins without a meaning in the form that is modelled: of a PLL whose phase stays, of a multiplier without
# registers.
UNREAD = {
    "EHXPLLL": re.compile("STDBY|ENCLKOP|PLLWAKESYNC|PHASE.*"),
    "MULT18X18D": re.compile(r"(CLK|CE|RST)[0-3]|(C|SRIA|SRIB)\d+"),
}
NUMBERS = {"INITVAL": 16, "SD": 1, "DATA_WIDTH_A": 32, "DATA_WIDTH_B": 32}


def placed_verilog(placed: Mapping[str, Any], netlist: Mapping[str, Any]) -> str:
    """The placed netlist as Verilog.

    Args:
        placed: the JSON that nextpnr-ecp5 writes.
        netlist: the JSON of Yosys that was placed; it has all names of a net, of which nextpnr keeps one.

    Returns:
        The module `TOP` with its pins and, for each port of the accelerator's streams, a port `cut_<port>`.
        With the parameter CUT = 1 what the accelerator reads comes from there and not from the shell.

    Raises:
        UserError: a cell is in a form that `placed.v` has no model for.
    """
    module = placed["modules"]["top"]
    streams = _streams(module, netlist["modules"][TOP])
    cut = {
        bit: f"cut_{net}[{k}]"
        for net, wires in streams.items()
        for k, bit in enumerate(wires)
        if CUT[net] and isinstance(bit, int)
    }
    pads = {port["bits"][0]: name for name, port in module["ports"].items()}
    lines, used = [], set[int]()
    for name, cell in module["cells"].items():
        pins, nets = _pins(name, cell, pads)
        used |= nets
        outputs = {bit for pin, bit in _connected(cell) if cell["port_directions"][pin] == "output"}
        for bit in outputs & cut.keys():
            pins = [re.sub(rf"\bn{bit}\b", f"d{bit}", pin) for pin in pins]
        given = [f".{key}({value})" for key, value in _parameters(cell)]
        head = cell["type"] + (f" #({', '.join(given)})" if given else "")
        lines.append(f"  {head} \\{name} ({', '.join(pins)});")
    lines += [f"  assign n{bit} = CUT ? {port} : d{bit};" for bit, port in cut.items()]
    for net, wires in streams.items():
        if not CUT[net]:
            lines += [f"  assign cut_{net}[{k}] = {_wire(bit)};" for k, bit in enumerate(wires)]
    used |= {bit for wires in streams.values() for bit in wires if isinstance(bit, int)}
    declared = [f"  wire n{bit};" for bit in sorted(used)] + [f"  wire d{bit};" for bit in sorted(cut)]
    ports = [f"{port['direction']} {name}" for name, port in module["ports"].items()]
    ports += [
        f"{'input' if CUT[net] else 'output'} [{len(wires) - 1}:0] cut_{net}"
        for net, wires in streams.items()
    ]
    head = f"module {TOP} #(parameter CUT = 0) (\n  " + ",\n  ".join(ports) + "\n);"
    return "\n".join([head, *declared, *lines, "endmodule"]) + "\n"


def _streams(module: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, list[int | str]]:
    """The nets of each port of `CUT` that the accelerator has, in the placed netlist: their numbers, or
    "0", "1" where they are constant or nothing reads them.
    """
    names: dict[int | str, list[str]] = {}
    for name, net in before["netnames"].items():
        for k, bit in enumerate(net["bits"]):
            names.setdefault(bit, []).append(name if len(net["bits"]) == 1 else f"{name}[{k}]")
    kept = {name: net["bits"][0] for name, net in module["netnames"].items()}
    found: dict[str, list[int | str]] = {}
    for net in (net for net in CUT if f"{ACCELERATOR}.{net}" in before["netnames"]):
        found[net] = []
        for bit in before["netnames"][f"{ACCELERATOR}.{net}"]["bits"]:
            if isinstance(bit, str):
                found[net].append(bit.replace("x", "0"))
            else:
                found[net].append(next((kept[name] for name in names[bit] if name in kept), "0"))
    return found


def _wire(bit: int | str) -> str:
    return f"n{bit}" if isinstance(bit, int) else f"1'b{bit}"


def _connected(cell: Cell) -> Iterator[tuple[str, int]]:
    return ((pin, bits[0]) for pin, bits in cell["connections"].items() if bits)


def _pins(name: str, cell: Cell, pads: Mapping[int, str]) -> tuple[list[str], set[int]]:
    """The connections of a cell in Verilog, open inputs included, and the nets in them."""
    kind = cell["type"]
    if kind not in PARAMETERS:
        raise UserError(
            f"placed netlist: {name} is a {kind}, for which placed.v has no model; "
            "use another board, or skip place and route (PNR=off)."
        )
    unread = UNREAD.get(kind)
    nets = {pin: bit for pin, bit in _connected(cell) if not (unread and unread.fullmatch(pin))}
    if kind == "TRELLIS_IO":
        pad = pads[nets.pop("B")]
        wires = {"PIN" if cell["parameters"]["DIR"] == "INPUT" else "PAD": pad}
    else:
        wires = {pin: f"1'b{level}" for pin, level in OPEN.get(kind, {}).items() if pin not in nets}
    wires |= {pin: f"n{bit}" for pin, bit in nets.items()}
    if kind in ("DP16KD", "MULT18X18D"):
        levels = {pin: f"1'b{level}" for pin, level in _levels(name, cell)}
        wires |= {pin: level for pin, level in levels.items() if not (unread and unread.fullmatch(pin))}
    return [f".{pin}({wire})" for pin, wire in _bundled(name, BUSES.get(kind, {}), wires)], set(nets.values())


def _levels(name: str, cell: Cell) -> Iterator[tuple[str, int]]:
    """Open inputs of a block RAM or multiplier and their level: what the pin's mux says, else its default."""
    for pin, bits in cell["connections"].items():
        if cell["port_directions"][pin] == "output":
            continue
        mux = _text(cell["parameters"].get(f"{pin}MUX", ""))
        if bits:
            if mux not in ("", pin):
                raise UserError(
                    f"placed netlist: {name} inverts its {pin}, which its model does not support; "
                    "use another board, or skip place and route (PNR=off)."
                )
        elif cell["type"] == "DP16KD" and pin in ENABLES:
            yield pin, int(mux != "INV")
        elif cell["type"] == "DP16KD" and (pin in CONTROLS or pin.startswith("CS")):
            yield pin, int(mux == pin)
        else:
            yield pin, int(mux == "1")


def _bundled(name: str, buses: Mapping[str, int], wires: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pins of a bus in one vector, the highest first; bits that nobody reads go to wires of their own."""
    rest = dict(wires)
    found = []
    for bus, width in buses.items():
        bits = [rest.pop(f"{bus}{k}", f"\\{name}.{bus}{k} ") for k in reversed(range(width))]
        found.append((bus, f"{{{', '.join(bits)}}}"))
    return [*rest.items(), *found]


def _text(value: str) -> str:
    """A parameter that is text; Yosys' JSON puts a space behind one that looks like a number."""
    return value.removesuffix(" ")


def _parameters(cell: Cell) -> Iterator[tuple[str, str]]:
    given = cell["parameters"]
    for key in PARAMETERS[cell["type"]]:
        if key in given:
            text = _text(given[key])
            yield key, f"{NUMBERS[key]}'b{text}" if key in NUMBERS else f'"{text}"'
    if cell["type"] == "TRELLIS_COMB":
        yield "IS_Z1", f"1'b{int(cell['attributes']['NEXTPNR_BEL'].endswith('.K1'))}"
    if cell["type"] == "DP16KD":
        words = [given.get(f"INITVAL_{k:02X}", "0").replace("x", "0") for k in range(64)]
        contents = sum(int(word, 2) << 320 * k for k, word in enumerate(words))
        yield "INITVAL", f"20480'h{contents:x}"
