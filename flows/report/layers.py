"""The operators of a design as layers: a unit with the operators around it."""

from collections.abc import Sequence
from itertools import groupby

from xnorforge.core.types import Record
from xnorforge.flows.report.operators import macs
from xnorforge.hw.ops.base import HwOp


def in_layers(rows: list[Record]) -> list[Record]:
    """The rows of the table of operators, layer by layer.

    Args:
        rows: `layers` of report.json; the operators of a layer are consecutive.

    Returns:
        {"name", "rows" (place, row), "lut", "whole"}: `whole` is what the layer is and takes in all, with the
        keys of a row; None where it is one operator.
    """
    found = []
    for name, given in groupby(enumerate(rows), key=lambda one: one[1]["layer"]):
        members = list(given)
        own = [row for _, row in members]
        whole = _whole(name, own) if len(own) > 1 else None
        found.append({"name": name, "rows": members, "lut": (whole or own[0])["lut"], "whole": whole})
    return found


def _whole(name: str, rows: list[Record]) -> Record:
    unit = next((row for row in rows if row["name"] == name), rows[0])
    cells = {key: sum(row[key] for row in rows) for key in ("lut", "ff", "bram36", "macs")}
    guess = sum(row["lut_estimate"] for row in rows)
    return {
        **unit, **cells, "op": f"{len(rows)} operators", "input": rows[0]["input"],
        "in_bits": rows[0]["in_bits"], "output": rows[-1]["output"],
        "out_bits": rows[-1]["out_bits"], "cycles": max(row["cycles"] for row in rows),
        "busy": max(row["busy"] for row in rows),
        "bottleneck": any(row["bottleneck"] for row in rows),
        "lut_error": round(guess / cells["lut"] - 1, 5) if cells["lut"] else None,
        "lut_per_lane": round(cells["lut"] / unit["lanes"], 2) if unit["lanes"] else None,
    }  # fmt: skip


def largest(rows: list[Record], key: str, most: int) -> set[int]:
    """The places of the `most` rows with the largest figures: what a long table shows on paper."""
    return set(sorted(range(len(rows)), key=lambda place: -rows[place][key])[:most])


def layer_groups(ops: Sequence[HwOp]) -> dict[str, str]:
    """The layer of every operator, as the name of its unit: {operator: unit}.

    Units are the matrices, and operators with several inputs or outputs. A window and converters before a
    unit belong to it, and so do later operators that carry its name: thresholds, a pool. Any other operator
    is a layer of its own. The operators of a layer are consecutive."""
    found: dict[str, str] = {}
    for chain in _chains(ops):
        units = [op.name for op in chain if macs(op) or op.inputs > 1 or op.outputs > 1]
        behind = ""  # the unit that was last, as long as what follows is its own
        for op in chain:
            if op.name in units:
                behind = found[op.name] = units.pop(0)
            elif op.identity:
                continue  # see below: it goes with what reads it
            elif behind and op.name.startswith(f"{behind}_"):
                found[op.name] = behind
            else:
                behind = ""
                found[op.name] = units[0] if units else op.name
        after = next((found[op.name] for op in reversed(chain) if op.name in found), chain[-1].name)
        for op in reversed(chain):
            after = found.setdefault(op.name, after)
    return found


def _chains(ops: Sequence[HwOp]) -> list[list[HwOp]]:
    """The operators in rows without a branch: each but the last has one reader, which reads nothing else."""
    makers = {tensor: op.name for op in ops for tensor in op.results}
    rows: dict[str, list[HwOp]] = {}
    chains: list[list[HwOp]] = []
    for op in ops:
        before = makers.get(op.sources[0])
        row = rows.get(before, []) if before else []
        if op.inputs > 1 or not row or row[-1].outputs > 1:
            chains.append(row := [])
        row.append(op)
        rows[op.name] = row
    return chains
