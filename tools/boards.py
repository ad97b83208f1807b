"""Fold, synthesise and route one network for every board, to docs/results/boards.jsonl.

    python tools/boards.py NET [BOARD …]    other rows stay; finished runs of Yosys and nextpnr are reused
    python tools/results.py                 makes the table

A placed netlist of a family with models of its cells is simulated on two images.
"""

import json
import subprocess
import sys
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import names
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.fold.too_large import TooLarge
from xnorforge.flows.report.provenance import commit
from xnorforge.flows.route import place_and_route
from xnorforge.flows.synth import synthesise
from xnorforge.hw import boards, routing
from xnorforge.sim.placed import simulate_placed

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "docs/results/boards.jsonl"


def folded(net_dir: Path, acc: Path, name: str, **aim) -> tuple[int, dict]:
    """Cycles per frame and counted resources: at the network's interval, or of the folding that the refusal
    of that one advises.
    """
    cycles = fold(net_dir, name, acc, **aim)["interval_bound"]
    generate(acc / "folded.onnx", acc / "rtl")
    try:
        return cycles, synthesise(acc, net_dir)["total"]
    except TooLarge as refused:
        if aim or not refused.retry:
            raise
        return folded(net_dir, acc, name, **refused.retry)


def built(net: str, name: str) -> dict:
    """The row of a board; `refused` holds the reason if it is not routed."""
    board, net_dir = boards.load(name), ROOT / "out" / net
    acc, row = net_dir / f"board-{name}", {"net": net, "board": name, "part": board.part}
    try:
        row["interval"], counted = folded(net_dir, acc, name)
        row |= {key: counted[key] for key in ("lut", "ff", "bram36", "dsp")}
        router = routing.load(board.family)
        if router is None or not board.shell or router.missing():
            return row | {"refused": "no tools here"}
        routed = place_and_route(acc, net_dir, seeds=(1,))
        row |= {"mhz": routed["clock"]["median"], "asked": routed["clock"]["asked"]}
        if board.simulates_placed:
            row["placed"] = simulate_placed(acc, net_dir)["images"]
    except UserError as error:
        row["refused"] = str(error)
    return row


def main(net: str, *asked: str) -> None:
    """Build for boards, all if none is named, and write each row when it is there."""
    if not (ROOT / "out" / net / "lowered.npz").exists():
        subprocess.run([sys.executable, "-m", "xnorforge", "build", net, "--until", "lower"], check=True)
    made_by = commit()
    for name in asked or names("hw.boards"):
        lines = [json.loads(line) for line in RECORDS.read_text().splitlines()] if RECORDS.exists() else []
        rows = {(line["net"], line["board"]): line for line in lines}
        rows[net, name] = built(net, name) | {"commit": made_by}
        RECORDS.write_text("".join(f"{json.dumps(rows[key])}\n" for key in sorted(rows)))


if __name__ == "__main__":
    main(*sys.argv[1:])
