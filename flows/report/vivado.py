"""Utilisation in the layout of Vivado's report, so that scripts written for it can read it; the first line
says that Yosys counted.

Sections have Vivado's numbers and titles, by which readers of its reports (edalize's, say) find the tables.
Block RAM Tile = RAMB36 + RAMB18 / 2. A module's own cells are listed as `(name)`; with those of its children
they add up to the module's row.
"""

from xnorforge.hw import families

HEAD = "Yosys {version}, not Vivado | cells after synth, before packing and routing | part {part}"
COLUMNS = ("Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18", "DSP Blocks")
KEYS = ("lut", "lut_logic", "lut_ram", "srl", "ff", "ramb36", "ramb18", "dsp")


def block_ram(family: str) -> tuple[str, int]:
    """What the family calls its block RAM, and how many of those make one BRAM36 of 36 kbit."""
    return families.load(family).units["bram36"]


def device_rows(resources: dict) -> list[tuple[str, float, float | None]]:
    """Rows (Site Type, Used, Available) of the device table, as the family calls its sites.

    Available is None where the part's figure is not in board.toml.
    """
    rows: list[tuple[str, float, float | None]] = []
    for site in families.load(resources["family"]).sites:
        has = resources["capacity"].get(site.capacity)
        used = sum(resources[name] for name in site.resources)
        used += sum(resources["cells"].get(cell, 0) for cell in site.cells)
        rows.append((site.name, used, has if has is None else site.per * has))
    return rows


def columns(family: str) -> tuple[str, ...]:
    """Heads of the eight counts of the hierarchy; what a family does not have stays 0."""
    renamed = families.load(family).renamed
    return tuple(renamed.get(name, name) for name in COLUMNS)


def hierarchy_rows(report: dict) -> list[tuple]:
    """Rows (Instance, Module, the eight counts): the top, its own cells, then its operators."""
    resources = report["resources"]
    rows = [("xf_top", "(top)", resources), ("  (xf_top)", "xf_top", resources["top"])]
    rows += [(f"  {row['name']}", row["module"], row) for row in resources["per_operator"]]
    return [(instance, module, *(row[key] for key in KEYS)) for instance, module, row in rows]


def formatted(value: float | None) -> str:
    """12,345 or 72.5; from a million on without a fraction; three dashes where nothing is known."""
    if value is None:
        return "---"
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.1f}".removesuffix(".0")


def _plain(value: float | None) -> str:
    """As `formatted`, but without commas: programs read these tables."""
    return formatted(value).replace(",", "")


def sections(resources: dict) -> dict[str, list[tuple[str, float, float | None]]]:
    """Rows of `device_rows` by Vivado's sections: logic (Slice Logic, CLB Logic), Memory, DSP."""
    found: dict[str, list[tuple[str, float, float | None]]] = {}
    sites = families.load(resources["family"]).sites
    slices = sites[0].name.partition(" ")[0]
    logic = f"{slices} Logic" if slices in ("Slice", "CLB") else "Logic"
    for site, row in zip(sites, device_rows(resources), strict=True):
        memory = set(site.resources) & {"bram36", "ramb36", "ramb18"}
        title = "Memory" if memory else "DSP" if "dsp" in site.resources else logic
        found.setdefault(title, []).append(row)
    return found


def _section(number: int, title: str, table: list[str]) -> list[str]:
    head = f"{number}. {title}"
    return [head, "-" * len(head), "", *table, ""]


def text(report: dict) -> str:
    """utilization.txt: a section per kind of site, and the instances."""
    resources, tools = report["resources"], report["run"]["tools"]
    head = HEAD.format(version=tools.get("pyosys", "---"), part=resources["part"])
    lines = [head, ""]
    found = sections(resources)
    for number, (title, rows) in enumerate(found.items(), 1):
        cells = [
            (site, _plain(used), _plain(has), "---" if not has else f"{100 * used / has:.2f}")
            for site, used, has in rows
        ]
        lines += _section(number, title, _grid(("Site Type", "Used", "Available", "Util%"), cells, 1))
    hierarchy = [(row[0], row[1], *map(_plain, row[2:])) for row in hierarchy_rows(report)]
    instances = _grid(("Instance", "Module", *columns(resources["family"])), hierarchy, 2)
    return "\n".join([*lines, *_section(len(found) + 1, "Utilization by Hierarchy", instances)])


def _grid(head: tuple, rows: list[tuple], left: int) -> list[str]:
    """Lines of a table framed with + and |, the first `left` columns to the left."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def line(row: tuple) -> str:
        cells = [f" {c:{'<' if i < left else '>'}{w}} " for i, (c, w) in enumerate(zip(row, widths))]
        return f"|{'|'.join(cells)}|"

    return [rule, line(head), rule, *map(line, rows), rule]
