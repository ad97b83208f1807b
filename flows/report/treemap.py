"""Areas by cells: every operator a rectangle as large as its share of the design.

Layout: Bruls, Huizing, van Wijk, "Squarified treemaps" (2000): rows along the shorter side, each as
long as its rectangles come nearer to squares.
"""

from collections.abc import Sequence

from xnorforge.plot.svg import box, frame, label

WIDTH, HEIGHT, TINTS = 560, 250, 6
Area = tuple[float, float, float, float]  # x, y, width, height


def squarified(sizes: Sequence[float], x: float, y: float, width: float, height: float) -> list[Area]:
    """Rectangles of these sizes that fill the given one.

    Args:
        sizes: above 0, the largest first.

    Returns:
        One (x, y, width, height) per size, in the same order; areas are in proportion to the sizes.
    """
    scale = width * height / sum(sizes) if sizes else 0
    left, found = [size * scale for size in sizes], list[Area]()
    while left:
        side, row = min(width, height), 1
        while row < len(left) and _worst(left[: row + 1], side) <= _worst(left[:row], side):
            row += 1
        deep, at = sum(left[:row]) / side, 0.0
        for area in left[:row]:
            along = area / deep
            found.append((x, y + at, deep, along) if width >= height else (x + at, y, along, deep))
            at += along
        if width >= height:
            x, width = x + deep, width - deep
        else:
            y, height = y + deep, height - deep
        left = left[row:]
    return found


def _worst(row: list[float], side: float) -> float:
    """The most oblong of a row's rectangles, as the longer side over the shorter."""
    deep = sum(row) / side
    return max(max(deep * deep / area, area / (deep * deep)) for area in row)


def tints_of_kinds(record: dict) -> dict[str, int]:
    """The operators' kinds by their LUT, the largest first, with the number of their tint; the last tint is
    shared.
    """
    totals: dict[str, float] = {}
    for row in record["resources"]["per_operator"]:
        totals[row["op"]] = totals.get(row["op"], 0) + row["lut"]
    order = sorted(totals, key=lambda kind: (-totals[kind], kind))
    return {kind: min(place, TINTS - 1) for place, kind in enumerate(order)}


def cell_map(record: dict, resource: str, unit: str, per: float = 1) -> str:
    """The map of one resource; a click leads to the operator's row.

    Args:
        record: of report.json.
        resource: "lut" or "bram36".
        unit: what the resource is called.
        per: number of units that make one of the resource.
    """
    rows = [dict(row) for row in record["resources"]["per_operator"]]
    rows.append({"name": "top level", "op": "", **record["resources"]["top"]})
    rows = sorted((row for row in rows if row[resource]), key=lambda row: (-row[resource], row["name"]))
    total = sum(row[resource] for row in rows)
    tints = tints_of_kinds(record)
    places = {row["name"]: place for place, row in enumerate(record["layers"])}
    parts = []
    areas = squarified([row[resource] for row in rows], 0, 0, WIDTH, HEIGHT)
    for row, (x, y, width, height) in zip(rows, areas):
        amount = f"{per * row[resource]:,g}"
        hint = f"{row['name']}, {row['op'] or 'top'}: {amount} {unit}, {100 * row[resource] / total:.1f} %"
        room = width - 8 if height >= 13 else 0.1
        inside = box(x + 0.5, y + 0.5, width - 1, height - 1, "fill", hint)
        inside += label(x + 4, y + 11, row["name"], size=10, room=room)
        inside += label(x + 4, y + 23, amount, size=10, room=room if height >= 26 else 0.1)
        link = f"#op-{places[row['name']]}" if row["name"] in places else "#hierarchy"
        parts.append(f'<a href="{link}" class="t{tints.get(row["op"], TINTS - 1)}">{inside}</a>')
    return frame(WIDTH, HEIGHT, f"{unit} per operator", parts)
