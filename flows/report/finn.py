"""The report of the FINN back end: what was compared, FINN's estimates beside ours, and what is left to a
machine with Vivado.
"""

from pathlib import Path

from xnorforge.flows.report import backends, collect, provenance
from xnorforge.hw import boards

SCHEMA = "xnorforge-finn-report-1"
STAGES = {"export": "..", "lower": "..", "fold": ".", "finn": "."}


def handover_report(acc: Path) -> dict:
    """The whole report of one FINN build.

    Raises:
        MismatchError: a stage left no record.
    """
    found = collect.read_records({stage: acc / folder / f"{stage}.json" for stage, folder in STAGES.items()})
    board, finn = boards.load(found["fold"]["board"]), found["finn"]
    guess = finn["estimate"]
    record = {
        "schema": SCHEMA,
        **collect.common(found, board, "finn"),
        "part": board.part,
        "folder": finn["folder"],
        "make": finn["command"],
        "operators": finn["operators"],
        "between": finn["between"],
        "estimate": {**guess, "bram36": guess["bram18"] / 2},
        "ours": finn["ours"],
        "synthesised": "no, FINN's steps behind its estimates need Vivado",
        "netlist": "none, FINN's hardware is made where Vivado is",
        "files": provenance.product_files(acc),
        "run": provenance.run_facts(found),
    }
    record["run"]["backends"] = backends.beside(acc, record)
    return record
