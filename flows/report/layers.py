"""The operators of a design as layers: a unit with the operators around it."""

from itertools import groupby

from xnorforge.core.types import Record


def in_layers(rows: list[Record]) -> list[Record]:
    """The rows of the table of operators, layer by layer.

    Args:
        rows: `layers` of report.json; the operators of a layer are consecutive.

    Returns:
        {"name", "rows" (place, row), "whole"}: `whole` is what the layer is and takes in all, with the keys
        of a row; None where it is one operator.
    """
    found = []
    for name, given in groupby(enumerate(rows), key=lambda one: one[1]["layer"]):
        members = list(given)
        own = [row for _, row in members]
        found.append({"name": name, "rows": members, "whole": _whole(name, own) if len(own) > 1 else None})
    return found


def _whole(name: str, rows: list[Record]) -> Record:
    unit = next((row for row in rows if row["name"] == name), rows[0])
    cells = {key: sum(row[key] for row in rows) for key in ("lut", "ff", "bram36", "macs")}
    guess = sum(row["lut_estimate"] for row in rows)
    return {
        **unit,
        **cells,
        "op": f"{len(rows)} operators",
        "input": rows[0]["input"],
        "in_bits": rows[0]["in_bits"],
        "output": rows[-1]["output"],
        "out_bits": rows[-1]["out_bits"],
        "cycles": max(row["cycles"] for row in rows),
        "busy": max(row["busy"] for row in rows),
        "bottleneck": any(row["bottleneck"] for row in rows),
        "lut_error": round(guess / cells["lut"] - 1, 5) if cells["lut"] else None,
        "lut_per_lane": round(cells["lut"] / unit["lanes"], 2) if unit["lanes"] else None,
    }
