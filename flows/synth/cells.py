"""Resources of mapped cells, by the table of the family: the figures of synth.json.

Counts are Yosys cells before packing and routing. A fractured LUT pair (LUT6_2) is one LUT, as is an
inverter, and a memory in LUTs the LUT sites that it occupies. A cell not in the table stops the build.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from xnorforge.core.types import Record
from xnorforge.hw import families

# Resources of one operator, in the order of the report. `lut` is the sum of the three kinds below it.
RESOURCES = (
    "lut", "lut_logic", "lut_ram", "srl", "ff", "carry", "muxf", "ramb36", "ramb18", "bram36", "dsp", "uram",
)  # fmt: skip


def resources(cells: Mapping[str, int], family: str) -> dict[str, float]:
    """Resources of a count of cells.

    Args:
        cells: {cell type: count}, mapped cells only.
        family: name of a family of hw/families.

    Returns:
        {resource: amount} over `RESOURCES`; `bram36` counts a RAMB18 as one half, `carry`
        the carry cells of the family; all others are whole numbers.

    Raises:
        KeyError: a cell type that is not in the table; nothing is silently left out.
    """
    table = families.load(family).cells
    total: dict[str, float] = dict.fromkeys(RESOURCES, 0)
    for cell, count in cells.items():
        if cell not in table:
            raise KeyError(
                f"hw/families/{family}: no cost for the {family} cell '{cell}' (used {count} times)"
            )
        for resource, amount in table[cell].items():
            total[resource] += amount * count
    total["lut"] = total["lut_logic"] + total["lut_ram"] + total["srl"]
    total["bram36"] = total["ramb36"] + total["ramb18"] / 2
    return total


def add(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum of several results of `resources`."""
    parts = list(parts)
    return {name: sum(part[name] for part in parts) for name in RESOURCES}


def used(total: Mapping[str, float], name: str) -> float:
    """The amount of a board's resource; `carry…` is the family's carry cell, `lut_memory` LUTs as memory."""
    if name == "lut_memory":
        return total.get("lut_ram", 0) + total.get("srl", 0)
    return total.get("carry" if name.startswith("carry") else name, 0)


def exceeded(total: Mapping[str, float], capacity: Mapping[str, float]) -> list[str]:
    """Resources of a board's capacity of which there are more than it has."""
    return [name for name, has in capacity.items() if used(total, name) > has]


def of_design(synth: Record) -> dict[str, int]:
    """The mapped cells of the whole design of a `synth.json` by their type, sorted."""
    counts: Counter[str] = Counter()
    for part in (*synth["operators"], synth["top"]):
        counts.update(part.get("cells", {}))
    return dict(sorted(counts.items()))
