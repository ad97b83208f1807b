"""The back ends of one network side by side: builds for the same board from the same weights."""

from pathlib import Path

from xnorforge.core.artifacts import read_json
from xnorforge.core.types import Record

SHARED = ("export", "lower")  # stages that all back ends have in common


def beside(acc: Path, own: Record) -> list[Record]:
    """A row per back end: what its report says, and the seconds from folding on.

    Args:
        acc: folder `<back end>-<board>`, whose report is not written yet.
        own: the record of that report.

    Returns:
        Rows {"backend", "verdict", "images", "mismatches", "lut", "ff", "bram36", "dsp", "interval",
        "latency", "seconds", "synthesised"}; None for what the back end does not count.
    """
    rows, end = [], f"-{own['board']}"
    for folder in sorted(acc.resolve().parent.glob(f"*{end}")):
        record = own if folder.name == acc.resolve().name else _read(folder / "report.json")
        if record and (record["source"], record["approximate"]) == (own["source"], own["approximate"]):
            rows.append(_row(folder.name.removesuffix(end), record))
    return rows


def _read(path: Path) -> Record | None:
    return read_json(path) if path.exists() else None


def _row(backend: str, record: Record) -> Record:
    resources, cycles = record.get("resources") or record.get("estimate", {}), record.get("cycles", {})
    ran = [row for row in record["run"]["stages"] if row["stage"] not in SHARED]
    return {
        "backend": backend,
        "verdict": record["verdict"],
        "images": max(row["images"] for row in record["stages"]),
        "mismatches": sum(row["mismatches"] for row in record["stages"] + record["audits"]),
        **{name: resources.get(name) for name in ("lut", "ff", "bram36", "dsp")},
        "interval": cycles.get("interval_simulated"),
        "latency": cycles.get("latency"),
        "seconds": round(sum(row["wall_s"] or 0 for row in ran), 1),
        "synthesised": resources.get("kind") or record["synthesised"],
    }
