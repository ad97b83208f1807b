"""The report of the FINN back end: what was compared, FINN's estimates and ours, and what needs Vivado."""

from pathlib import Path

from xnorforge.flows.report import collect

SCHEMA = "xnorforge-finn-report-1"


def handover_report(acc: Path) -> dict:
    """The whole report of one FINN build.

    Raises:
        MismatchError: a stage left no record.
    """
    return collect.backend_report(acc, SCHEMA, "finn", "finn", _own)


def _own(finn: dict) -> dict:
    """What the report takes from the stage's record."""
    guess = finn["estimate"]
    return {
        "folder": finn["folder"],
        "make": finn["command"],
        "operators": finn["operators"],
        "between": finn["between"],
        "estimate": {**guess, "bram36": guess["bram18"] / 2},
        "ours": finn["ours"],
        "synthesised": "no: FINN's steps after its estimates need Vivado",
        "netlist": "none: FINN generates its hardware on a machine with Vivado",
    }
