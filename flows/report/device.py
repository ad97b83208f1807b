"""Cells of a design by the sites of its part; Block RAM Tile = RAMB36 + RAMB18 / 2."""

from xnorforge.core.types import Record
from xnorforge.hw import families


def block_ram(family: str) -> tuple[str, int]:
    """What the family calls its block RAM, and how many of those make one BRAM36 of 36 kbit."""
    return families.load(family).units["bram36"]


def device_rows(resources: Record) -> list[tuple[str, float, float | None]]:
    """Rows (Site Type, Used, Available or None if not in board.toml) of the device table."""
    rows: list[tuple[str, float, float | None]] = []
    for site in families.load(resources["family"]).sites:
        has = resources["capacity"].get(site.capacity)
        used = sum(resources.get(name, 0) for name in site.resources)  # older records lack UltraRAM
        used += sum(resources["cells"].get(cell, 0) for cell in site.cells)
        rows.append((site.name, used, has if has is None else site.per * has))
    return rows


def duration(us: float) -> str:
    """An amount of microseconds; below one as 61.5 ns."""
    return f"{formatted(us)} µs" if us >= 1 else f"{us * 1e3:.4g} ns"


def formatted(value: float | None) -> str:
    """12,345 or 72.5, without a fraction from a thousand on; a dash where nothing is known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:,.1f}".removesuffix(".0")
