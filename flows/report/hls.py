"""The report of the hls4ml back end: what was compared, what the project is, and that nothing was synthesised
where it was not.
"""

from pathlib import Path

from xnorforge.flows.report import backends, collect, provenance
from xnorforge.hw import boards

SCHEMA = "xnorforge-hls-report-1"
NO_MATRIX = {"weights": None, "reuse_factor": None}
STAGES = {"export": "..", "lower": "..", "fold": ".", "hls": "."}


def project_report(acc: Path) -> dict:
    """The whole report of one hls4ml project.

    Raises:
        MismatchError: a stage left no record.
    """
    found = collect.read_records({stage: acc / folder / f"{stage}.json" for stage, folder in STAGES.items()})
    board, hls = boards.load(found["fold"]["board"]), found["hls"]
    record = {
        "schema": SCHEMA,
        **collect.common(found, board, "hls4ml"),
        "part": board.part,
        "project": hls["project"],
        "top": hls["top"],
        "layers": {form: [NO_MATRIX | row for row in rows] for form, rows in hls["layers"].items()},
        "synthesised": hls["synthesised"],
        "synthesis": hls.get("report"),
        "netlist": "none, the project is C++ for Vitis HLS",
        "files": provenance.product_files(acc),
        "run": provenance.run_facts(found),
    }
    record["run"]["backends"] = backends.beside(acc, record)
    return record
