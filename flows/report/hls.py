"""The report of the hls4ml back end: what was compared, what the project is, and that nothing was synthesised where it was not."""

from pathlib import Path

from xnorforge.artifacts import read_json
from xnorforge.errors import MismatchError
from xnorforge.flows.report import backends, collect, provenance
from xnorforge.hw import boards

SCHEMA = "xnorforge-hls-report-1"
NO_MATRIX = {"weights": None, "reuse_factor": None}
STAGES = {"export": "..", "lower": "..", "fold": ".", "hls": "."}


def report(acc: Path) -> dict:
    """The whole report of one hls4ml project.

    Raises:
        MismatchError: a stage left no record.
    """
    found = {}
    for stage, folder in STAGES.items():
        path = acc / folder / f"{stage}.json"
        if not path.exists():
            raise MismatchError(f"report: {stage} left no {path}; run that stage, its checks have not been made.")
        found[stage] = read_json(path)
    export, fold, hls = found["export"], found["fold"], found["hls"]
    board = boards.load(fold["board"])
    stages, audits = collect.compared(found)
    record = {
        "schema": SCHEMA,
        "verdict": collect.verdict(stages + audits, found["lower"]),
        "approximate": (found["lower"]["approximate"] or {}).get("told"),
        "net": export["net"],
        "method": export["method"],
        "source": provenance.origin(export),
        "board": board.name,
        "board_title": board.title,
        "part": board.part,
        "command": provenance.command(export, found["lower"], fold, board, "hls4ml"),
        "stages": stages,
        "audits": audits,
        "accuracy": [collect.with_interval(row) for row in collect.accuracy(found, export["images"])],
        "images": export["images"],
        "clock_mhz": {"value": board.clock_mhz, "kind": board.clock_kind},
        "project": hls["project"],
        "top": hls["top"],
        "layers": {form: [NO_MATRIX | row for row in rows] for form, rows in hls["layers"].items()},
        "synthesised": hls["synthesised"],
        "synthesis": hls.get("report"),
        "netlist": "none, the project is C++ for Vitis HLS",
        "files": provenance.files(acc),
        "run": provenance.run(found),
    }
    record["run"]["backends"] = backends.beside(acc, record)
    return record
