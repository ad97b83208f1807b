"""Accelerators of networks that were trained here, built by the pipeline like any other.

A build is in `rtl-<board>/` of its network's folder, as with `make build`. A finished build is reused, an
interrupted one resumes at its last stage.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.types import Record
from xnorforge.hw import boards
from xnorforge.pipeline import run
from xnorforge.pipeline.request import Request

IMAGES, STALLED = 10, 3  # through the RTL at full rate, and of these again with stalls


@dataclass(frozen=True)
class Build:
    """One accelerator.

    Attributes:
        run: folder of the network, with `model.onnx`, `export.json`, `golden.npz`.
        net: the network's name, which is not that of the folder.
        board: the target board.
    """

    run: Path
    net: str
    board: str

    @property
    def acc(self) -> Path:
        """The folder of the accelerator."""
        return self.run / f"rtl-{self.board}"

    def request(self) -> Request:
        """The build as a request to the pipeline, at the board's interval for the network."""
        return Request(
            net=self.net, board=self.board, folder=self.run, begin="lower",
            interval=boards.load(self.board).interval_for(self.net), images=IMAGES, stalled=STALLED,
            pnr="off",
        )  # fmt: skip


def make(build: Build, jobs: int = 1) -> Record:
    """Run the missing stages; returns the result of `build_figures`.

    Args:
        jobs: layers synthesised in parallel.

    Raises:
        UserError: the network cannot be built for this board; the text is the stage's.
        MismatchError: a check failed, or a stage broke.
    """
    run.run_stages(replace(build.request(), jobs=jobs), heard=True)
    return build_figures(build)


def finished(build: Build) -> bool:
    """Whether all stages are complete."""
    return not run.missing(build.request())


def build_figures(build: Build) -> Record:
    """The figures of a finished build, as its stages counted them.

    Raises:
        MismatchError: a check of the build has mismatches.
        UserError: the build has other weights.
    """
    acc = build.acc
    exported = read_json(build.run / "export.json")
    report, sim, synth = (read_json(acc / f"{stage}.json") for stage in ("report", "sim", "synth"))
    wrong = sum(row["mismatches"] for row in [*report["stages"], *report["audits"]])
    if wrong or report["verdict"] != "PASS":
        raise MismatchError(f"{acc}: the report's verdict is {report['verdict']}, with {wrong:,} mismatches.")
    if report["source"] != exported["source"]:
        raise UserError(f"{acc}: built from other weights ({report['source']}); remove it to build it again.")
    compared = {check["name"]: check["images"] for check in sim["checks"]}
    return {
        "part": synth["part"], **{name: synth["total"][name] for name in ("lut", "ff", "bram36", "dsp")},
        "resources_stage": synth["stage_of_figures"], "interval": sim["interval"],
        "interval_constant": sim["interval_constant"], "latency": sim["latency"],
        "cycles_stage": "RTL simulation", "images_flowing": compared["RTL = lowered"],
        "images_stalled": compared["RTL stalled = lowered"], "mismatches": wrong,
        "clock_mhz": report["clock_mhz"]["value"], "fps": report["fps"]["value"],
        "fps_stage": report["fps"]["kind"],
    }  # fmt: skip


def line(build: Build, figures: Record) -> str:
    """Its cost, in one line."""
    counts = f"{figures['lut']:,} LUT, {figures['bram36']:,} BRAM36"
    return f"{build.board}: {counts}, {figures['interval']:,} cycles per frame"
