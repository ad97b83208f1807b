"""Build networks for boards with the ordinary command; list what it gave, and keep bitstreams.

    python tools/boards.py NET [BOARD …]    rows of docs/results/boards.jsonl, of all boards if none is named
    make release-bitstreams                 of every shipped network, for every board that can be routed here
    python tools/results.py                 makes the tables

A routed build leaves its bitstream and its report in out/release/, which README.md there lists; rows are in
boards.jsonl. A row of this commit whose bitstream is there is not made again, and what a build has cached is
used: a run that was stopped goes on. Rows have three seeds, one after the other, a release's bitstreams one.
"""

import json
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import results

from xnorforge.core.artifacts import read_json, sha256
from xnorforge.core.plugins import names
from xnorforge.flows.report.provenance import commit
from xnorforge.hw import boards
from xnorforge.pipeline.stages import no_bitstream

ROOT = Path(__file__).parent.parent
RECORDS, RELEASE = ROOT / "docs/results/boards.jsonl", ROOT / "out/release"
HEAD = """# Bitstreams

Nothing was measured on a board. The clock is that of the bitstream; the routed one the median of its seeds.

| bitstream | sha256 | MHz | routed, MHz | report | made by |
|---|---|---:|---:|---|---|
"""


def routable(board: str) -> bool:
    """Whether a build for it makes a bitstream on this machine."""
    return not no_bitstream("rtl", board, "auto")


def built(net: str, name: str, seeds: str) -> dict[str, Any]:
    """The row of a build; `refused` has the reason if it ended without a bitstream."""
    verb, more = ("build", {"seeds": seeds}) if routable(name) else ("synth", {})
    options = {"board": name, **more}
    row = {"net": net, "board": name, "part": boards.load(name).part}
    given = {"net": net, **options}.items()
    row["command"] = " ".join(["make", verb, *(f"{key.upper()}={value}" for key, value in given)])
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    called = [sys.executable, "-m", "xnorforge", verb, net, *words, "--jobs", "1", "--json"]
    done = subprocess.run(called, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return row | {"refused": json.loads(done.stdout)["message"]}
    acc = ROOT / "out" / net / f"rtl-{name}"
    counted = read_json(acc / "synth.json")["total"]
    row["interval"] = read_json(acc / "fold.json")["interval_bound"]
    row |= {key: counted[key] for key in ("lut", "ff", "bram36", "dsp")}
    if verb == "synth":
        return row | {"refused": "no tools here"}
    routed = read_json(acc / "bitstream.json")
    row |= {"mhz": routed["clock"]["median"], "asked": routed["clock"]["mhz"]}
    row |= {"seeds": [one["mhz"] for one in routed["seeds"]], "cpu_s": median(routed["run"]["routes_cpu_s"])}
    row["path"] = " → ".join(routed["critical_paths"][0]["operators"]) if routed["critical_paths"] else ""
    row |= {"file": f"{net}-{name}{Path(routed['bit']['file']).suffix}", "sha256": routed["bit"]["sha256"]}
    shutil.copyfile(acc / routed["bit"]["file"], RELEASE / row["file"])
    shutil.copyfile(acc / "report.html", RELEASE / f"{net}-{name}.html")
    return row


def kept(row: dict[str, Any]) -> bool:
    """Whether a row's bitstream is in the folder, or it has none."""
    path = RELEASE / row.get("file", "")
    return "file" not in row or (path.is_file() and sha256(path) == row["sha256"])


def page(rows: list[dict[str, Any]]) -> str:
    """The list of the bitstreams in the folder."""
    lines = [
        f"| [{row['file']}]({row['file']}) | `{row['sha256']}` | {row['asked']:g} | {row['mhz']:.1f} "
        f"| [report]({row['net']}-{row['board']}.html) | `{row['command']}`, commit {row['commit']} |\n"
        for row in rows
        if "file" in row and kept(row)
    ]
    return HEAD + "".join(lines)


def recorded(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Rows by network and board."""
    return {(line["net"], line["board"]): line for line in results.lines_of(path)}


def record(path: Path, rows: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Write what `recorded` reads."""
    path.write_text("".join(f"{json.dumps(rows[key])}\n" for key in sorted(rows)))


def main(*asked: str) -> None:
    """Build the pairs, and write each row and the list when it is there."""
    seeds = "1" if asked == ("--release",) else "1,2,3"
    if asked == ("--release",):
        cards = (ROOT / "sw/shipped").glob("*/card.json")
        nets = sorted({read_json(card)["net"] for card in cards})
        pairs = [*product(nets, filter(routable, names("hw.boards")))]
    else:
        pairs = [*product(asked[:1], asked[1:] or names("hw.boards"))]
    RELEASE.mkdir(parents=True, exist_ok=True)
    made_by, path = commit(), RELEASE / RECORDS.name
    for pair in pairs:
        rows = recorded(path)
        known = rows.get(pair, {})
        few = "file" in known and len(known.get("seeds", ())) < len(seeds.split(","))
        if known.get("commit") != made_by or "+" in str(made_by) or few or not kept(known):
            rows[pair] = built(*pair, seeds) | {"commit": made_by}
        record(path, rows)
        (RELEASE / "README.md").write_text(page([rows[key] for key in sorted(rows)]))
    if asked != ("--release",):
        rows = recorded(path)
        record(RECORDS, recorded(RECORDS) | {pair: rows[pair] for pair in pairs})


if __name__ == "__main__":
    main(*sys.argv[1:])
