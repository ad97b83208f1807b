"""What a method costs in gates: one accelerator per variant of a comparison, all folded for the same board and speed.

    out/compare/<task>-<network>/<epochs>/<variant>-<first seed>/rtl-<board>/    the build, as `make build` leaves it

The folder of a run is that of a network (`model.onnx`, `export.json`, `golden.npz`), so the stages read it as it is. A
build that is finished is taken as it is, one that was killed goes on at the stage it was in.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from xnorforge.artifacts import read_json
from xnorforge.errors import MismatchError, UserError
from xnorforge.figures import Request, Result, Variant
from xnorforge.hw import boards

IMAGES, STALLED = 10, 3  # through the RTL at full rate, and of these again under stalls
UNBUILT = "not built yet"


@dataclass(frozen=True)
class Cost:
    """One variant's accelerator, read from its records.

    Attributes:
        accuracy: row of the last set of images of the exported run: `stage`, `set`, `top1` in per cent.
        figures: what `read` found; empty where there is no accelerator.
        why: one sentence on why there is none.
    """

    variant: Variant
    accuracy: dict
    sha256: str
    figures: dict = field(default_factory=dict)
    why: str = ""


def folder(asked: Request, variant: Variant) -> Path:
    """Where the accelerator of a variant goes."""
    return asked.run_folder(variant, asked.seeds[0]) / f"rtl-{asked.board}"


def build(asked: Request, variant: Variant, jobs: int, say) -> None:
    """Run the stages that are missing, each a process of its own, and say what the accelerator costs.

    Raises:
        UserError: the variant cannot be built for this board; the text is the stage's.
        MismatchError: a check failed, or a stage broke.
    """
    for words in missing(asked, variant, jobs):
        _process(words)
    figures = read(asked, variant)
    told = f"{figures['lut']:,} LUT, {figures['bram36']:,} BRAM36, {figures['interval']:,} cycles per frame"
    say(f"compare   {variant} on {asked.board}: {told}")


def missing(asked: Request, variant: Variant, jobs: int = 1) -> Iterator[list[str]]:
    """The stages still to run, as words of the command line, each looked at when the one before it has ended.

    A record counts where it is no older than that of the stage before it, and a folding where it aims at this interval.
    """
    run, acc = asked.run_folder(variant, asked.seeds[0]), folder(asked, variant)
    board = boards.load(asked.board)
    # The board's interval goes by the network's name, which is not that of the run's folder.
    interval = board.interval_for(asked.net)
    stages = [
        (run / "lower.json", ["lower", run]),
        (acc / "fold.json", ["fold", run, "--board", board.name, "--interval", interval, "-o", acc]),
        (acc / "rtl" / "rtl.json", ["generate", acc]),
        (acc / "sim.json", ["sim", acc, "--images", IMAGES, "--stalled", STALLED]),
        (acc / "synth.json", ["synth", acc, "--jobs", jobs]),
        *([(acc / "netlist.json", ["netlist", acc])] if board.family in boards.MODELLED else []),
        (acc / "report.json", ["report", acc]),
    ]
    before = run / "export.json"
    for record, words in stages:
        if not _current(record, before) or (words[0] == "fold" and read_json(record)["interval"] != interval):
            yield list(map(str, words))
        before = record


def _current(record: Path, before: Path) -> bool:
    """Whether a record is there and made from what there is."""
    return record.exists() and record.stat().st_mtime_ns >= before.stat().st_mtime_ns


def _process(words: list[str]) -> None:
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


def collect(asked: Request, results: list[Result], failed: dict[Variant, Exception]) -> list[Cost]:
    """The costs of all variants whose first run is finished, in the order asked for.

    Args:
        failed: what went wrong in the builds of this call.
    """
    costs = []
    for result in (result for result in results if result.seed == asked.seeds[0]):
        figures, why = {}, str(failed.get(result.variant, ""))
        if not why and next(missing(asked, result.variant), None):
            why = UNBUILT
        if not why:
            try:
                figures = read(asked, result.variant)
            except (UserError, MismatchError) as error:
                why = str(error)
        costs.append(Cost(result.variant, result.sets[-1], result.sha256, figures, why))
    return costs


def read(asked: Request, variant: Variant) -> dict:
    """The figures of a finished build, as its stages counted them.

    Raises:
        MismatchError: a check of the build has mismatches.
        UserError: the build is of other weights.
    """
    acc = folder(asked, variant)
    exported = read_json(acc.parent / "export.json")
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
