"""The report of the hls4ml back end: what was compared, what the project is, and that nothing was synthesised
where it was not.
"""

from pathlib import Path

from xnorforge.flows.report import collect

SCHEMA = "xnorforge-hls-report-1"
NO_MATRIX = {"weights": None, "reuse_factor": None}


def project_report(acc: Path) -> dict:
    """The whole report of one hls4ml project.

    Raises:
        MismatchError: a stage left no record.
    """
    return collect.backend_report(acc, SCHEMA, "hls4ml", "hls", _own)


def _own(hls: dict) -> dict:
    """What the report takes from the stage's record."""
    return {
        "project": hls["project"],
        "top": hls["top"],
        "layers": {form: [NO_MATRIX | row for row in rows] for form, rows in hls["layers"].items()},
        "synthesised": hls["synthesised"],
        "synthesis": hls.get("report"),
        "netlist": "none, the project is C++ for Vitis HLS",
    }
