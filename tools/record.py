"""What the shipped networks take at two commits, per operator, on 7 series and ECP5: what changed, what rose.

    python tools/record.py [COMMIT [PATTERN …]]    from a commit (HEAD~1) to what is checked out

PATTERN is a part of NETWORK/METHOD@BOARD; without one it takes hours. An operator (or `top` around) has cells
of Yosys, cycles per frame and to the first beat out, a design their sums, the longest interval and processor
seconds of Yosys. A commit is measured by its own sources, and kept in the cache.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.cache import cache_dir
from xnorforge.core.types import Record
from xnorforge.history.compare_builds import Build, compared_builds, diff_text
from xnorforge.history.rules import Rule

ROOT = Path(__file__).parent.parent
BOARDS = "pynq-z2", "ulx3s"  # of the families xc7 and ecp5
CELLS, TIMES = ("lut", "ff", "carry", "bram36", "dsp"), ("interval", "latency")
RULES = [Rule("*.lut", "<=", "+8"), Rule("*.lut", "<=", "+5 %"), *(Rule(f"*.{k}", "<=", "+0") for k in TIMES)]
GRAPH = "import sys; from xnorforge.hw import graph; ops = graph.operators(sys.argv[1]); "
LATENCIES = f"{GRAPH} print(*(op.latency() or 0 for op in ops))"


def said(*words: str, **how: Any) -> str:
    """What a command prints."""
    return subprocess.run(words, stdout=-1, text=True, check=True, **{"cwd": ROOT, **how}).stdout.strip()


def record_of(commit: str, patterns: list[str]) -> Build:
    """The figures of a commit; designs that its record lacks are measured."""
    cards = map(read_json, sorted((ROOT / "sw/shipped").glob("*/card.json")))
    every = [f"{card['net']}/{card['method']}@{board}" for card in cards for board in BOARDS]
    at = said("git", "rev-parse", "--short=12", commit)
    place = cache_dir() / "record" / f"{at}.json"
    known = read_json(place) if place.exists() else {}
    asked = [one for one in every if any(part in one for part in patterns or [""])]
    with tempfile.TemporaryDirectory() as tree:
        said("git", "worktree", "add", "--quiet", "--detach", tree, at)
        for design in asked:
            known[design] = known.get(design) or measured(tree, design)
            write_json(place, known)
    said("git", "worktree", "prune")
    return as_build(at, {design: known[design] for design in asked})


def measured(tree: str, design: str) -> Record:
    """The rows of a design by operator, and Yosys' seconds without its cache."""
    net, method, board = design.replace("@", "/").split("/")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as own:
        for kind in cache_dir().glob("*"):
            if kind.name != "yosys":
                (Path(own) / kind.name).symlink_to(kind)
        how = {"cwd": tree, "env": os.environ | {"PYTHONPATH": f"{tree}/src", "XNORFORGE_CACHE": own}}
        words = [net, "--method", method, "--board", board, "--jobs", "1", "--out", f"{folder}/{net}"]
        said(sys.executable, "-m", "xnorforge", "synth", *words, **how)
        (acc,) = (path.parent for path in Path(folder).rglob("synth.json"))
        fold, synth = (read_json(acc / f"{stage}.json") for stage in ("fold", "synth"))
        late = said(sys.executable, "-c", LATENCIES, str(acc / "folded.onnx"), **how).split()
    rows = {"top": {key: synth["top"][key] for key in CELLS} | dict.fromkeys(TIMES, 0)}
    for op, one, cycles in zip(fold["operators"], synth["operators"], map(int, late), strict=True):
        rows[op["name"]] = {key: one[key] for key in CELLS} | dict(zip(TIMES, (op["cycles"], cycles)))
    return {"rows": rows, "seconds": synth["run"]["cpu_s"]}


def as_build(name: str, designs: Record) -> Build:
    """A record as the figures of a build: sums of designs, and rows."""
    figures: dict[str, float] = {f"{design} seconds": one["seconds"] for design, one in designs.items()}
    for design, one in designs.items():
        for key in (*CELLS, *TIMES):
            column = [row[key] for row in one["rows"].values()]
            figures[f"{design} {key}"] = max(column) if key == "interval" else sum(column)
    rows = {f"{design} {op}": row for design, one in designs.items() for op, row in one["rows"].items()}
    return Build(name, {}, figures, rows, "")


if __name__ == "__main__":
    commit, *patterns = sys.argv[1:] or ["HEAD~1"]
    known = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    if subprocess.run(known, cwd=ROOT, stderr=subprocess.DEVNULL).returncode:
        sys.exit(f"record: {commit} is not a commit of this checkout; give a hash, a branch or a tag.")
    before, now = (record_of(one, patterns) for one in (commit, said("git", "stash", "create") or "HEAD"))
    print(diff_text(compared_builds(before, now, RULES if now.operators else [])))
