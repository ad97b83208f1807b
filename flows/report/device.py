"""Cells of a design by the sites of its part, and by its operators.

Block RAM Tile = RAMB36 + RAMB18 / 2. A module's own cells are listed as `(name)`; with those of its children
they add up to the module's row.
"""

from xnorforge.core.types import Record
from xnorforge.hw import families

COLUMNS = ("Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18", "DSP Blocks")
KEYS = ("lut", "lut_logic", "lut_ram", "srl", "ff", "ramb36", "ramb18", "dsp")


def block_ram(family: str) -> tuple[str, int]:
    """What the family calls its block RAM, and how many of those make one BRAM36 of 36 kbit."""
    return families.load(family).units["bram36"]


def device_rows(resources: Record) -> list[tuple[str, float, float | None]]:
    """Rows (Site Type, Used, Available) of the device table, as the family calls its sites.

    Available is None where the part's figure is not in board.toml.
    """
    rows: list[tuple[str, float, float | None]] = []
    for site in families.load(resources["family"]).sites:
        has = resources["capacity"].get(site.capacity)
        used = sum(resources.get(name, 0) for name in site.resources)  # older records lack UltraRAM
        used += sum(resources["cells"].get(cell, 0) for cell in site.cells)
        rows.append((site.name, used, has if has is None else site.per * has))
    return rows


def columns(family: str) -> tuple[str, ...]:
    """Heads of the eight counts of the hierarchy; what a family does not have stays 0."""
    renamed = families.load(family).renamed
    return tuple(renamed.get(name, name) for name in COLUMNS)


def hierarchy_rows(report: Record) -> list[tuple[object, ...]]:
    """Rows (depth, instance, module, the eight counts): the top, its own cells, then its operators, each with
    its parts.
    """
    resources = report["resources"]
    rows = [(0, "xf_top", "(top)", resources), (1, "(xf_top)", "xf_top", resources["top"])]
    for operator in resources["per_operator"]:
        rows.append((1, operator["name"], operator["module"], operator))
        for part in operator["parts"]:
            count = f"{part['instances']} instances" if part["instances"] > 1 else ""
            rows.append((2 + part["depth"], part["name"], count, part))
    return [(*row, *(counts[key] for key in KEYS)) for *row, counts in rows]


def duration(us: float) -> str:
    """An amount of microseconds; below one as 61.5 ns."""
    return f"{formatted(us)} µs" if us >= 1 else f"{us * 1e3:.4g} ns"


def formatted(value: float | None) -> str:
    """12,345 or 72.5; from a million on without a fraction; three dashes where nothing is known."""
    if value is None:
        return "---"
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.1f}".removesuffix(".0")
