"""What a mapped cell takes of a part: the table behind every figure in synth.json.

Counts are Yosys cells before packing and routing. A fractured LUT pair (LUT6_2) is one LUT, an inverter is
one LUT, and a memory in LUTs is counted by the LUT sites it occupies. A cell that the table does not know
stops the build.
"""

from collections import Counter

# Resources of one operator, in the order of the report. `lut` is the sum of the three kinds below it.
RESOURCES = ("lut", "lut_logic", "lut_ram", "srl", "ff", "carry", "muxf", "ramb36", "ramb18", "bram36", "dsp")

_FREE = {"GND": {}, "VCC": {}}

_XILINX = {
    **_FREE,
    **{f"LUT{inputs}": {"lut_logic": 1} for inputs in range(1, 7)},
    "LUT6_2": {"lut_logic": 1},
    "INV": {"lut_logic": 1},
    **{cell: {"ff": 1} for cell in ("FDRE", "FDSE", "FDCE", "FDPE")},
    **{cell: {"muxf": 1} for cell in ("MUXF7", "MUXF8", "MUXF9")},
    **{cell: {"srl": 1} for cell in ("SRL16E", "SRLC32E")},
    # LUT sites (Xilinx UG474, table 2-4; UG574, table 2-2): S single port, D dual port, M four or eight
    # ports.
    "RAM32X1S": {"lut_ram": 1},
    "RAM64X1S": {"lut_ram": 1},
    "RAM128X1S": {"lut_ram": 2},
    "RAM256X1S": {"lut_ram": 4},
    "RAM512X1S": {"lut_ram": 8},
    "RAM32X1D": {"lut_ram": 2},
    "RAM64X1D": {"lut_ram": 2},
    "RAM128X1D": {"lut_ram": 4},
    "RAM256X1D": {"lut_ram": 8},
    "RAM32M": {"lut_ram": 4},
    "RAM64M": {"lut_ram": 4},
    "RAM32M16": {"lut_ram": 8},
    "RAM64M8": {"lut_ram": 8},
}

CELLS = {
    "xc7": {
        **_XILINX,
        "CARRY4": {"carry": 1},
        "RAMB36E1": {"ramb36": 1},
        "RAMB18E1": {"ramb18": 1},
        "DSP48E1": {"dsp": 1},
    },
    "xcup": {
        **_XILINX,
        "CARRY8": {"carry": 1},
        "CARRY4": {
            "carry": 0.5
        },  # what Yosys maps to; a CARRY8 is two of them in its mode DUAL_CY4 (Xilinx UG574)
        "RAMB36E2": {"ramb36": 1},
        "RAMB18E2": {"ramb18": 1},
        "DSP48E2": {"dsp": 1},
    },
    "ecp5": {
        **_FREE,
        "LUT4": {"lut_logic": 1},
        "CCU2C": {"lut_logic": 2, "carry": 1},
        "PFUMX": {"muxf": 1},
        "L6MUX21": {"muxf": 1},
        "TRELLIS_FF": {"ff": 1},
        "TRELLIS_DPR16X4": {
            "lut_ram": 6
        },  # two slices hold the bits, a third writes them (Lattice FPGA-TN-02204)
        "DP16KD": {"ramb18": 1},
        "PDPW16KD": {"ramb18": 1},
        "MULT18X18D": {"dsp": 1},
    },
}


def resources(cells: dict[str, int], family: str) -> dict[str, float]:
    """Resources of a count of cells.

    Args:
        cells: {cell type: count}, mapped cells only.
        family: a key of `CELLS`.

    Returns:
        {resource: amount} over `RESOURCES`; `bram36` counts a RAMB18 as one half, `carry` on xcup a CARRY4 as
        half a CARRY8, all others are whole numbers.

    Raises:
        KeyError: a cell type that the table does not know; nothing is left out in silence.
    """
    table, total = CELLS[family], Counter()
    for cell, count in cells.items():
        if cell not in table:
            raise KeyError(f"flows/synth/cells.py: no cost for the {family} cell '{cell}' ({count} of them)")
        for resource, amount in table[cell].items():
            total[resource] += amount * count
    total["lut"] = total["lut_logic"] + total["lut_ram"] + total["srl"]
    total["bram36"] = total["ramb36"] + total["ramb18"] / 2
    return {name: total[name] for name in RESOURCES}


def add(parts) -> dict[str, float]:
    """The sum of several results of `resources`."""
    parts = list(parts)
    return {name: sum(part[name] for part in parts) for name in RESOURCES}
