"""The records of a build become one report: every number is read from a record or computed from such numbers.

Every figure keeps its kind: `est` (formula or cost model), `sim` (counted in RTL simulation), `yosys` (cells
before packing and routing), `routed` (after them), `target` (the requested clock). What was not measured is
null, with the reason next to it.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from xnorforge.core.accuracy import wilson
from xnorforge.core.artifacts import check, netlist_digest, read_json
from xnorforge.core.errors import MismatchError, several
from xnorforge.core.types import Record
from xnorforge.flows.report import border, layers, operators, provenance, reference
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, families, graph
from xnorforge.hw.boards import Board
from xnorforge.hw.fabric import BRAM36_BITS, URAM_BITS
from xnorforge.hw.ops.base import SITES, HwOp
from xnorforge.hw.shells.forms import cycles_per_frame

SCHEMA = "xnorforge-report-1"
STAGES = {
    "export": "..", "lower": "..", "fold": ".", "generate": "rtl", "sim": ".", "synth": ".", "netlist": ".",
}  # fmt: skip
# Of the record of the stage bitstream, what the report repeats.
ROUTED = (
    "program", "timing", "shell", "counted", "seeds", "fastest", "used", "bit", "slowest_nets", "arrivals",
)  # fmt: skip
# Stages that must have compared images; the others only count and check their counts.
COMPARING = ("export", "lower", "fold", "sim", "netlist", "hls", "finn")
# A simulated interval may differ from the predicted one by this fraction or this number of cycles. All
# shipped networks and nearly all random graphs equal the prediction; where branches of very different length
# meet, full FIFOs cost a few cycles per frame (at most 4.4 % was seen). More: a wrong prediction.
INTERVAL_PART, INTERVAL_CYCLES = 0.05, 4


def paths(acc: Path) -> dict[str, Path]:
    """Where every stage leaves its record."""
    names = {"generate": "rtl"}
    return {stage: acc / folder / f"{names.get(stage, stage)}.json" for stage, folder in STAGES.items()}


def records(acc: Path, routed: bool | None = None) -> dict[str, Record]:
    """The record of every stage that a build for this board has.

    Args:
        routed: whether place and route belongs to the build; None: if this netlist has a bitstream.

    Raises:
        MismatchError: a record is missing; a report without it would hide that a check did not run.
    """
    asked = paths(acc)
    fold = asked["fold"]
    if fold.exists() and not boards.load(read_json(fold)["board"]).simulates_netlists:
        del asked["netlist"]
    there = acc / "bitstream.json"
    if routed is None:
        routed = there.exists() and read_json(there)["netlist"] == netlist_digest(acc)
    if routed:
        asked["bitstream"] = there
    return read_records(asked)


def read_records(asked: dict[str, Path]) -> dict[str, Record]:
    """The records of stages.

    Raises:
        MismatchError: one is not there.
    """
    for stage, path in asked.items():
        if not path.exists():
            raise MismatchError(
                f"report: {path} is missing, so the checks of stage {stage} have not run; run `make {stage}`."
            )
    return {stage: read_json(path) for stage, path in asked.items()}


def common(found: dict[str, Record], board: Board, backend: str, more: Iterable[Record] = ()) -> Record:
    """What every back end's report says; `more` are checks of the report's own."""
    export, lower = found["export"], found["lower"]
    stages, audits = compared(found)
    audits += more
    return {
        "verdict": verdict(stages + audits), "narrowed": lower.get("narrowed", {}),
        "net": export["net"], "method": export["method"], "task": export.get("task"),
        "training": export.get("training"), "source": provenance.origin(export),
        "board": board.name, "board_title": board.title,
        "command": provenance.command(export, found["fold"], board, backend), "stages": stages,
        "audits": audits,
        "accuracy": [with_interval(row) for row in accuracy(found, export["images"])],
        "images": export["images"], "reference": reference.of_records(export, lower),
        "complexity": lower["complexity"],
        "clock_mhz": {"value": board.clock_mhz, "kind": board.clock_kind},
    }  # fmt: skip


def report(acc: Path, routed: bool | None = None) -> Record:
    """The whole report of one accelerator; `run` holds all that differs between equal builds.

    Args:
        routed: as for `records`.
    """
    found = records(acc, routed)
    ops = graph.operators(acc / "folded.onnx")
    fold, sim, synth, export = (found[name] for name in ("fold", "sim", "synth", "export"))
    board = boards.of_folding(fold)
    rows, reach = layer_rows(ops, synth, board), reach_rows(sim, found.get("netlist"))
    bound, interval = max(op.cycles() for op in ops), sim["interval"]
    if loads := found["generate"].get("loads"):
        loads = {name: loads[name] for name in ("address_bits", "words", "bits", "operators", "structure")}
        loads |= {"cycles": sim["load_cycles"], "lut": synth["top"]["lut"]}
    made = found.get("bitstream")
    clock = made["clock"] if made else {"mhz": board.clock_mhz, "kind": board.clock_kind}
    if interval is None:
        raise MismatchError(
            "report: sim ran with one image, and an interval needs two; run `make sim IMAGES=2`, or more "
            "images."
        )
    bottleneck = [row["name"] for row in rows if row["cycles"] == bound]
    total, port = synth["total"], found["generate"]["border"]
    fps = round(clock["mhz"] * 1e6 / interval, 1)
    with np.load(acc.parent / "lowered.npz") as lowered:
        output = border.exit_(port["output"], lowered, fold["output"])
    return {
        "schema": SCHEMA,
        **common(
            found, board, fold["backend"],
            [as_predicted(interval, bound, bottleneck, fold), as_modelled(sim), *as_reached(reach)],
        ),
        "clock_mhz": {"value": clock["mhz"], "kind": clock["kind"]},
        "input": border.entry(port["input"], export["input"]), "output": output,
        "outside": sim.get("memory"),
        "loads": loads,  # None where weights are constants
        "examples": [{name: row[name] for name in ("picture", "file", "true")} for row in sim["examples"]],
        "cycles": {
            "interval_bound": bound, "interval_simulated": interval,
            "interval_modelled": sim["model"]["interval"], "latency": sim["latency"],
            "latency_modelled": sim["model"]["latency"], "bottleneck": bottleneck,
            "interval_shell": cycles_per_frame(board, port),
        },
        "fps": {"value": fps, "kind": f"cycles simulated, clock {clock['kind']}"},
        "gops": gops_of(found["lower"]["complexity"], fps),
        "latency_us": {"value": round(sim["latency"] / clock["mhz"], 5), "kind": "one image in flight"},
        "resources": {
            **{name: total[name] for name in cells.RESOURCES}, "part": board.part,
            "family": board.family, "kind": "Yosys cells, before packing and routing",
            "capacity": board.capacity,
            "share": {name: cells.used(total, name) / has for name, has in board.capacity.items()},
            "estimate": estimate(ops, total, board),
            "per_operator": [
                {
                    "name": row["name"], "op": row["op"], "module": row["module"],
                    **{name: row[name] for name in cells.RESOURCES},
                }
                for row in synth["operators"]
            ],
            "top": {name: synth["top"][name] for name in cells.RESOURCES},
            "cells": cells.of_design(synth),
        },
        "layers": rows, "streams": streams(ops, sim, synth), "memory": memory(rows), "reach": reach,
        "faster": faster_foldings(fold, total, clock["mhz"]),
        "energy": {"value": None, "why": "not measured: no board was used"},
        "netlist": provenance.netlist(board), "bitstream": provenance.bitstream(board, made),
        "routed": routing_of(made),
        "utilization": {
            name: {"used": cells.used(total, name), "available": has} for name, has in board.capacity.items()
        },
        "fmax": {"clk": {"achieved": clock["best"], "constraint": clock["asked"]}} if made else {},
        "critical_paths": made["critical_paths"] if made else [],
        "files": provenance.product_files(acc), "run": provenance.run_facts(found),
    }  # fmt: skip


def gops_of(counted: Record, fps: float) -> Record:
    """Giga-operations per second as papers count them: two for each multiply-accumulate."""
    rates = {name: round(2e-9 * counted[name] * fps, 4) for name in ("binary", "multi_bit")}
    return {**rates, "kind": "2 operations per multiply-accumulate, frames/s as above"}


def faster_foldings(fold: Record, total: Record, clock_mhz: float) -> list[Record]:
    """What faster foldings cost: interval, frames/s at a clock, whether they fit, LUT and block RAM
    of the whole design, as counted plus the difference by the cost model."""
    return [
        {
            **{name: row[name] for name in ("interval", "fits")},
            "fps": round(clock_mhz * 1e6 / row["interval"], 1),
            **{n: round(total[n] + row[n] - fold["estimate"][n], 1) for n in ("lut", "bram36")},
        }
        for row in fold["faster"]
    ]


def routing_of(record: Record | None) -> Record | None:
    """The clocks after place and route, of the record of the stage bitstream; null without one."""
    if record is None:
        return None
    clock, count = record["clock"], len(record["seeds"])
    return {
        **{name: record[name] for name in ROUTED},
        "clock_mhz": {
            "value": clock["median"],
            "kind": f"{clock['kind']}, {f'median of {count} seeds' if count > 1 else '1 seed'}",
        },
        "least_mhz": clock["least"],
        "best_mhz": clock["best"],
    }


def verdict(rows: list[Record]) -> str:
    """FAIL where a check has mismatches or did not run."""
    return "FAIL" if any(row["mismatches"] or not row["ran"] for row in rows) else "PASS"


def as_predicted(interval: float, bound: int, slowest: list[str], fold: Record) -> Record:
    """The check that a frame takes as many cycles in RTL as the slowest operators were said to, and
    no more than were requested; of FPS=max the request is the prediction."""
    far = abs(interval - bound) > max(INTERVAL_PART * bound, INTERVAL_CYCLES)
    late = interval > fold["interval"] and fold["aim"]["fps"] != "max"
    what = f"{several(interval, 'cycle')} per frame simulated, {bound:,} predicted by fold"
    what += f", set by {', '.join(slowest)}"
    what += f", {fold['interval']:,} requested" * late
    return {"stage": "sim", **check("interval = bound", 0, int(far or late), 1, what), "ran": True}


def as_modelled(sim: Record) -> Record:
    """The check that the RTL simulation takes exactly as many cycles per frame as the cycle model says."""
    model = sim["model"]
    said = "none" if model["interval"] is None else f"{model['interval']:,}"
    what = f"{several(sim['interval'], 'cycle')} per frame simulated, {said} by the cycle model"
    wrong = int(sim["interval"] != model["interval"])
    return {"stage": "sim", **check("interval = cycle model", 0, wrong, 1, what), "ran": True}


def reach_rows(sim: Record, netlist: Record | None) -> list[Record]:
    """A row per layer with constants: their `bits`, and how many of them each stage reached, in all
    and by which means; `netlist` is null where that stage did not run."""

    def own(row: dict) -> dict:
        ways = {way: row[way] for way in ("decoded", "compared", "simulated")}
        return {"reached": min(row["bits"], row["decoded"] + max(row["compared"], row["simulated"])), **ways}

    mapped = {row["layer"]: own(row) for row in netlist["reach"]} if netlist else {}
    rows = [(row["layer"], row["bits"], own(row)) for row in sim["reach"]]
    return [{"layer": one, "bits": n, "sim": its, "netlist": mapped.get(one)} for one, n, its in rows]


def as_reached(rows: list[Record]) -> list[Record]:
    """How many bits of weights and thresholds the stages reached; the layers with others are named."""
    found = []
    for stage, where in (("sim", "RTL"), ("netlist", "netlist")):
        own = [(row["layer"], row["bits"], row[stage]["reached"]) for row in rows if row[stage]]
        part = [f"{layer} ({some * 1000 // bits / 10:g} %)" for layer, bits, some in own if some < bits]
        what = f"of {sum(bits for _, bits, _ in own):,} bits of weights and thresholds in the {where}"
        what += f"; not all of {', '.join(part)}" * bool(part)
        count = check(f"bits reached in the {where}", 0, 0, sum(some for *_, some in own), what)
        found += [{"stage": stage, **count, "ran": True}] if own else []
    return found


def estimate(ops: list[HwOp], total: Record, board: Board) -> Record:
    """The sums of the cost models, FIFOs included, and for all but block RAM the error relative to the count
    (0.1: 10 % too high); `lut_ram` counts all LUT sites used as memory, shift registers included. Carry cells
    and memories in LUTs are compared on the 7 series alone. `family`: whose counts they are fitted to."""
    given = [op.estimate(board.family) for op in ops]
    found = {name: sum(one[name] for one in given) for name in ("lut", "bram36", *SITES)}
    counted = {name: cells.used(total, name) for name in ("lut", "ff")}
    if "carry4" in board.capacity:
        counted |= {"carry": total["carry"], "lut_ram": cells.used(total, "lut_memory")}
    return {
        "family": families.estimated_by(board.family),
        **{name: round(amount, 1) for name, amount in found.items()},
        **{f"{name}_error": error(found[name], counted.get(name, 0)) for name in ("lut", *SITES)},
    }


def error(guess: float, counted: float) -> float | None:
    """The relative error of an estimate; None where nothing was counted."""
    return round(guess / counted - 1, 5) if counted else None


def compared(found: Record) -> tuple[list[Record], list[Record]]:
    """All checks: of images, also those that should have been and were not; and of counts."""
    stages: list[dict] = []
    audits: list[dict] = []
    for stage, record in found.items():
        checks = record.get("checks", [])
        for line in checks:
            row = {"stage": stage, **line, "ran": line["integers"] > 0}
            (stages if line["images"] else audits).append(row)
        if stage in COMPARING and not any(line["images"] for line in checks):
            what = "the stage compared no image"
            stages.append({
                "stage": stage, "name": stage, "images": 0, "mismatches": 0, "integers": 0,
                "what": what, "ran": False,
            })  # fmt: skip
    return stages, audits


def accuracy(found: Record, golden: str) -> list[Record]:
    """Rows of every record that states an accuracy; `golden` says which the golden images are."""
    rows = [dict(row) for record in found.values() for row in record.get("accuracy", [])]
    whole = max((row["images"] for row in rows if row["set"] == "golden images"), default=0)
    named = {"golden images": golden}
    for row in rows:
        part = row["images"] < whole and row["set"] in named
        row["set"] = f"first {row['images']:,} of {golden}" if part else named.get(row["set"], row["set"])
    return rows


def with_interval(row: Record) -> Record:
    """Add the share of correct images, `top1`, and its 95 % interval; a row of other figures has its own."""
    if "figures" in row:
        return {"intervals": {}, **row}
    low, high = wilson(row["correct"], row["images"])
    top1 = row["correct"] / row["images"]
    return {**row, "top1": round(top1, 5), "low": round(low, 5), "high": round(high, 5)}


def layer_rows(ops: list[HwOp], synth: Record, board: Board) -> list[Record]:
    """One row per operator except FIFOs: facts, synthesised cells, and its place among the others."""
    bound = max(op.cycles() for op in ops)
    mapped, named = {row["name"]: row for row in synth["operators"]}, layers.layer_groups(ops)
    rows = []
    for op in ops:
        if op.identity and op.input_buffer():  # a FIFO, and not a unit with a buffer at its input
            continue
        row = operators.facts(op, board.family)
        counted = {name: mapped[op.name][name] for name in cells.RESOURCES}
        busy = row["cycles"] / bound
        rows.append({
            **row, "layer": named[op.name], "bottleneck": row["cycles"] == bound,
            "busy": round(busy, 5),
            "efficiency": round(row["macs"] / (row["lanes"] * bound), 5) if row["lanes"] else None,
            **counted, "lut_error": error(row["lut_estimate"], counted["lut"]),
            "lut_share": counted["lut"] / board.capacity["lut"],
            "lut_per_lane": round(counted["lut"] / row["lanes"], 2) if row["lanes"] else None,
        })  # fmt: skip
    return rows


def streams(ops: list[HwOp], sim: Record, synth: Record) -> list[Record]:
    """FIFOs with their cells, and input buffers (cells in their unit's): highest fill in simulation."""
    mapped = {row["name"]: row for row in synth["operators"]}
    fills, rows = sim.get("fifos", {}), operators.buffers(ops)
    for row in rows:
        own = row["kind"] == "FIFO"
        row["fill"] = fills.get(row["name"])
        row.update({name: mapped[row["name"]][name] if own else None for name in ("lut", "ff", "bram36")})
    return rows


def memory(rows: list[Record]) -> list[Record]:
    """Constant memories per operator; efficiency is bits over those of the block RAMs and UltraRAMs taken.

    The bits are those of the layer's largest memory; its small tables are in LUTs."""
    found = []
    for row in rows:
        bits = sum(one["bits"] for one in row["memories"])
        blocks = BRAM36_BITS * (row["ramb36"] + row["ramb18"] / 2) + URAM_BITS * row["uram"]
        if bits:
            shapes = [f"{one['what']} {one['depth']}x{one['width']}" for one in row["memories"]]
            found.append({
                "layer": row["name"], "shapes": shapes, "bits": bits, "ramb36": row["ramb36"],
                "ramb18": row["ramb18"],
                "efficiency": round(max(one["bits"] for one in row["memories"]) / blocks, 5)
                if blocks
                else None,
            })  # fmt: skip
    return found
