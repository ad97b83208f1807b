"""The last builds of an accelerator: from `history.jsonl`, whose format is in history/entries.py."""

from datetime import UTC, datetime
from pathlib import Path

from xnorforge.core.types import Record
from xnorforge.history import entries
from xnorforge.plot.chart import Point, small_line

SHOWN = 10
FIGURES = {
    "interval": "sim__interval__cycles",
    "lut": "synth__lut__used",
    "bram36": "synth__bram36__used",
}


def last_builds(acc: Path, record: Record) -> list[Record]:
    """The last builds of the same network, method, board and back end, oldest first; this one is the last.

    Args:
        acc: folder of the accelerator; the history is next to the folder of its network.
        record: of report.json, not written yet.

    Returns:
        Rows {"when", "commit", "command", "verdict", "interval", "lut", "bram36", "accuracy"}; what a build
        did not count is None.
    """
    acc = acc.resolve()
    lines = entries.read_lines(acc.parent.parent / entries.FILE.name)
    before = entries.builds_like(lines, entries.build_identity(record, acc))[1 - SHOWN :]
    own = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": record["run"]["commit"] or "---",
        "command": entries.without_paths(record["command"]),
        "verdict": record["verdict"],
        "interval": record["cycles"]["interval_simulated"],
        **{name: record["resources"][name] for name in ("lut", "bram36")},
        "accuracy": _value(entries.main_accuracy(record)),
    }
    return [*map(_row, before), own]


def _row(line: Record) -> Record:
    figures = line.get("figures") or {}
    return {
        **{name: str(line.get(name) or "---") for name in ("when", "commit", "verdict")},
        "command": str(line.get("command") or ""),
        **{name: figures.get(metric) for name, metric in FIGURES.items()},
        "accuracy": _value(line.get("accuracy")),
    }


def _value(accuracy: Record | None) -> float | None:
    return accuracy["value"] if accuracy else None


def trend(rows: list[Record], name: str) -> str:
    """A small chart of one figure over the builds; a click on a point copies the command of its build."""
    known = [(place, row) for place, row in enumerate(rows) if row[name] is not None]
    if len(known) < 2:
        return ""
    points = [
        Point(
            place,
            row[name],
            hint=f"{row['when'][:16]}, commit {row['commit']}: "
            + (f"{100 * row[name]:.2f} %" if name == "accuracy" else f"{row[name]:,g}"),
            copies=row["command"],
        )
        for place, row in known
    ]
    return small_line(points)
