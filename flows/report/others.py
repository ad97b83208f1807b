"""The reports of projects that other tools are given: what was compared, and that nothing was synthesised."""

from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.flows.report import collect, provenance
from xnorforge.hw import boards

NO_MATRIX = {"weights": None, "reuse_factor": None}


def _project(hls: Record) -> Record:
    """What the report takes from the record of hls4ml's stage."""
    return {
        "project": hls["project"], "top": hls["top"],
        "layers": {form: [NO_MATRIX | row for row in rows] for form, rows in hls["layers"].items()},
        "synthesised": hls["synthesised"], "synthesis": hls.get("report"),
        "netlist": "none, the project is C++ for Vitis HLS",
    }  # fmt: skip


def _handover(finn: Record) -> Record:
    """What the report takes from the record of FINN's stage: its estimates and ours."""
    guess = finn["estimate"]
    return {
        "folder": finn["folder"], "make": finn["command"], "operators": finn["operators"],
        "between": finn["between"], "estimate": {**guess, "bram36": guess["bram18"] / 2},
        "ours": finn["ours"], "cycles": finn["cycles"], "fifos": finn["fifos"],
        "synthesised": "no: the design is RTL of FINN and ours, simulated",
        "netlist": "none: FINN's SystemVerilog is not mapped",
    }  # fmt: skip


# {stage that writes the project: (form of its report, schema, back end, what its record adds)}
KINDS = {
    "hls": ("project", "xnorforge-hls-report-1", "hls4ml", _project),
    "finn": ("handover", "xnorforge-finn-report-1", "finn", _handover),
}


def project_record(acc: Path, stage: str) -> Record:
    """The whole report of a project; `stage` is a key of `KINDS`.

    Raises:
        MismatchError: a stage left no record.
    """
    _, schema, backend, own = KINDS[stage]
    folders = {"export": "..", "lower": "..", "fold": ".", stage: "."}
    found = collect.read_records({name: acc / folder / f"{name}.json" for name, folder in folders.items()})
    board = boards.of_folding(found["fold"])
    return {
        "schema": schema, **collect.common(found, board, backend), "part": board.part,
        **own(found[stage]), "files": provenance.product_files(acc),
        "run": provenance.run_facts(found),
    }  # fmt: skip
