"""Accelerators of networks that were trained here, one stage after the other, each a process of its own.

A build lies in `rtl-<board>/` of its network's folder, as `make build` leaves it. One
that is finished is taken as it is, one that was killed goes on at the stage it was in.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.hw import boards

IMAGES, STALLED = 10, 3


@dataclass(frozen=True)
class Build:
    """One accelerator.

    Attributes:
        run: folder of the network, with `model.onnx`, `export.json`, `golden.npz`.
        net: the network's name, which is not that of the folder.
        board: what it is built for.
        asked: cycles per frame to aim at; None takes the board's for the network.
        images, stalled: through the RTL at full rate, and of these again under stalls.
    """

    run: Path
    net: str
    board: str
    asked: int | None = None
    images: int = IMAGES
    stalled: int = STALLED

    @property
    def acc(self) -> Path:
        """Where the accelerator goes."""
        return self.run / f"rtl-{self.board}"

    @property
    def interval(self) -> int:
        """Cycles per frame to aim at."""
        return self.asked or boards.load(self.board).interval_for(self.net)


def make(build: Build, jobs: int = 1) -> dict:
    """Run the stages that are missing; returns what `read` finds.

    Raises:
        UserError: the network cannot be built for this board; the text is the stage's.
        MismatchError: a check failed, or a stage broke.
    """
    for words in missing(build, jobs):
        process(words)
    return read(build)


def missing(build: Build, jobs: int = 1) -> Iterator[list[str]]:
    """The stages still to run, as words of the command line, each looked at when the one before it has ended.

    A record counts where it is no older than that of the stage before it, and a folding where it aims at this
    interval.
    """
    run, acc, board = build.run, build.acc, boards.load(build.board)
    stages = [
        (run / "lower.json", ["lower", run]),
        (acc / "fold.json", ["fold", run, "--board", board.name, "--interval", build.interval, "-o", acc]),
        (acc / "rtl" / "rtl.json", ["generate", acc]),
        (acc / "sim.json", ["sim", acc, "--images", build.images, "--stalled", build.stalled]),
        (acc / "synth.json", ["synth", acc, "--jobs", jobs]),
        *([(acc / "netlist.json", ["netlist", acc])] if board.simulates_netlists else []),
        (acc / "report.json", ["report", acc]),
    ]
    before = run / "export.json"
    for record, words in stages:
        if not _current(record, before) or (
            words[0] == "fold" and read_json(record)["interval"] != build.interval
        ):
            yield list(map(str, words))
        before = record


def _current(record: Path, before: Path) -> bool:
    """Whether a record is there and made from what there is."""
    return record.exists() and record.stat().st_mtime_ns >= before.stat().st_mtime_ns


def process(words: list[str]) -> None:
    """One stage; what it says to a person goes on to one, and its last line is the sentence of its failure."""
    command, said = [sys.executable, "-m", "xnorforge", *words], ""
    given = {"env": os.environ | {"XNORFORGE_LINES": "1"}, "stdout": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, stderr=subprocess.PIPE, **given) as stage:
        for line in stage.stderr:
            said = line.strip() or said
            print(line, end="", file=sys.stderr, flush=True)
    if stage.returncode:
        kind = UserError if stage.returncode == 2 else MismatchError
        ended = said if stage.returncode > 0 else f"ended by signal {-stage.returncode}."
        raise kind(f"{words[0]}: {ended.removeprefix(f'{words[0]}: ')}")


def read(build: Build) -> dict:
    """The figures of a finished build, as its stages counted them.

    Raises:
        MismatchError: a check of the build has mismatches.
        UserError: the build is of other weights.
    """
    acc = build.acc
    exported = read_json(build.run / "export.json")
    report, sim, synth = (read_json(acc / f"{stage}.json") for stage in ("report", "sim", "synth"))
    wrong = sum(row["mismatches"] for row in [*report["stages"], *report["audits"]])
    if wrong or report["verdict"] != "PASS":
        raise MismatchError(f"{acc}: the report says {report['verdict']} with {wrong:,} mismatches.")
    if report["source"] != exported["source"]:
        raise UserError(f"{acc}: built from other weights ({report['source']}); remove it to build it again.")
    compared = {check["name"]: check["images"] for check in sim["checks"]}
    return {
        "part": synth["part"],
        **{name: synth["total"][name] for name in ("lut", "ff", "bram36", "dsp")},
        "resources_stage": synth["stage_of_figures"],
        "interval": sim["interval"],
        "interval_constant": sim["interval_constant"],
        "latency": sim["latency"],
        "cycles_stage": "RTL simulation",
        "images_flowing": compared["RTL = lowered"],
        "images_stalled": compared["RTL stalled = lowered"],
        "mismatches": wrong,
        "clock_mhz": report["clock_mhz"]["value"],
        "fps": report["fps"]["value"],
        "fps_stage": report["fps"]["kind"],
    }


def told(build: Build, figures: dict) -> str:
    """What it costs, in a line."""
    return f"{build.board}: {figures['lut']:,} LUT, {figures['bram36']:,} BRAM36, {figures['interval']:,} cycles per frame"
