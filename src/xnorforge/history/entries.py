"""`out/history.jsonl`: one line of JSON per build that produced a report, oldest first.

    {"schema": "xnorforge-history-1", "when": "2026-03-01T12:00:00+00:00", "commit": "294d22e",
     "command": "make build NET=mnist-cnn …", "folder": "mnist-cnn/rtl-pynq-z2", "report": "9f86d081884c7d65",
     "network": "mnist-cnn", "method": "ste", "task": "mnist", "board": "pynq-z2", "backend": "rtl",
     "verdict": "PASS", "accuracy": {"name": "top-1", "value": 0.994, "images": 1000, "set": "…"},
     "figures": {…},                            # of the whole design, see `figures_of`
     "operators": {"conv0": {"lut": 329}, …}}

`folder` is relative to out/, null for a build elsewhere; `report` is the beginning of report.json's SHA-256.
Lines contain no paths of the machine: an absolute path in `command` is cut to its last part.
"""

import fcntl
import json
import os
import shlex
from datetime import datetime
from pathlib import Path

from xnorforge.core.artifacts import digest, read_json
from xnorforge.core.types import Record

SCHEMA = "xnorforge-history-1"
OUT = Path("out")
FILE = OUT / "history.jsonl"
SAME = ("network", "method", "board", "backend")  # lines that agree in these are builds of one accelerator


def build_line(acc: Path, when: datetime, out: Path = OUT) -> Record:
    """The line of the build whose report is in `acc`; figures that its report lacks are null or empty.

    Args:
        when: the end of the build, with its time zone.
        out: the folder that `folder` is relative to.
    """
    report = read_json(acc / "report.json")
    inside = acc.resolve().is_relative_to(out.resolve())
    return {
        "schema": SCHEMA,
        "when": when.isoformat(timespec="seconds"),
        "commit": report.get("run", {}).get("commit"),
        "command": without_paths(report.get("command", "")),
        "folder": str(acc.resolve().relative_to(out.resolve())) if inside else None,
        "report": digest(acc / "report.json")[:16],
        **build_identity(report, acc),
        "verdict": report.get("verdict"),
        "accuracy": main_accuracy(report),
        "figures": figures_of(report),
        "operators": {
            row["name"]: {"lut": row["lut"]} for row in report.get("resources", {}).get("per_operator", [])
        },
    }


def figures_of(report: Record) -> dict[str, float]:
    """The figures of the whole design under flat names, `stage__object__metric`: cells used and their share
    of the part, cycles, frames/s, clocks, accuracies (0 to 1), mismatches. Without counted cells only the
    last two."""
    found: dict[str, float | None] = {}
    if "resources" in report:
        cycles, resources = report["cycles"], report["resources"]
        found |= {f"synth__{name}__used": resources[name] for name in resources["top"]}
        found |= {f"synth__{name}__share": round(share, 6) for name, share in resources["share"].items()}
        found |= {f"fold__{name}__estimate": resources["estimate"][name] for name in ("lut", "bram36")}
        found["fold__interval__cycles"] = cycles["interval_bound"]
        found["sim__interval__cycles"] = cycles["interval_simulated"]
        found |= {"sim__latency__cycles": cycles["latency"], "sim__throughput__fps": report["fps"]["value"]}
        if routed := report.get("routed"):
            found |= {f"bitstream__clock__{name}_mhz": routed[f"{name}_mhz"] for name in ("least", "best")}
            found["bitstream__clock__median_mhz"] = routed["clock_mhz"]["value"]
    for row in report.get("accuracy", []):
        for name, value in row.get("figures", {"top1": row.get("top1")}).items():
            found[f"{row['stage']}__accuracy__{name}".replace(" ", "_")] = value
    for row in report.get("stages", []):
        key = f"{row['stage']}__equality__mismatches"
        found[key] = (found.get(key) or 0) + row["mismatches"]
    return {name: value for name, value in found.items() if value is not None}


def build_identity(report: Record, acc: Path) -> dict[str, str | None]:
    """Network, method, task, board and back end of a report; the back end is the folder's first word."""
    net, board = report.get("net") or "", report.get("board")
    known = report.get("method") != "imported" and "-" in net
    return {
        "network": net, "method": report.get("method"), "task": net.partition("-")[0] if known else None,
        "board": board, "backend": acc.name.removesuffix(f"-{board}"),
    }  # fmt: skip


def main_accuracy(report: Record) -> Record | None:
    """The main figure, 0 to 1, of the accelerator's integers on the golden images, by the bit simulator;
    if that is missing, the trained network's; None if the labels are not known."""
    rows = {row["stage"]: row for row in reversed(report.get("accuracy", []))}
    for stage in ("bit simulator", "exported", "trained"):
        if row := rows.get(stage):
            name, value = ("top-1", row["top1"]) if "top1" in row else next(iter(row["figures"].items()))
            return {"name": name, "value": value, "images": row["images"], "set": row["set"]}
    return None


def without_paths(command: str) -> str:
    """A command in which absolute paths are cut to their last part.

    >>> without_paths("make build MODEL=net.onnx INPUT=float:/home/a/rows.npz")
    'make build MODEL=net.onnx INPUT=float:rows.npz'
    """
    words = []
    for word in shlex.split(command):
        name, sign, value = word.partition("=")
        kind, colon, path = value.partition(":") if value.startswith("float:") else ("", "", value)
        path = os.path.basename(path.rstrip("/")) if path.startswith(("/", "~")) else path
        words.append(f"{name}{sign}{shlex.quote(f'{kind}{colon}{path}')}" if sign else word)
    return " ".join(words)


def append_line(line: Record, path: Path = FILE) -> None:
    """Append a line; several processes may do so at once without corrupting each other's lines.

    A partial line left by a full disk is kept, and this line starts after it.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        cut = file.seek(0, os.SEEK_END) > 0
        if cut:
            file.seek(-1, os.SEEK_END)
            cut = file.read(1) != b"\n"
        file.write((b"\n" if cut else b"") + json.dumps(line).encode() + b"\n")


def read_lines(path: Path = FILE) -> list[Record]:
    """All valid lines, oldest first; invalid ones, such as the rest of a partial line, are skipped."""
    found = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("schema") == SCHEMA:
            found.append(line)
    return found


def builds_like(lines: list[Record], like: Record) -> list[Record]:
    """The lines of builds of the same network, method, board and back end, oldest first."""
    return [line for line in lines if all(line.get(name) == like.get(name) for name in SAME)]
