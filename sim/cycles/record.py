"""What the stage `sim` records of the cycle model: cycles beside those of the RTL, and equality of beats."""

from typing import Any

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.hw.cycles import Course, CycleModel
from xnorforge.hw.cycles.pauses import Pauses
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim.cosim import Run


def of_network(ops: list[HwOp], runs: dict[str, tuple[Run, Any]], seed: int) -> tuple[Record, list[Record]]:
    """Run the model as the RTL ran.

    Args:
        ops: of a folded graph.
        runs: {name: (run of the RTL, its chances of pauses)}, the first one at full rate.
        seed: of the runs.

    Returns:
        The key `model` of sim.json; its checks.
    """
    checks: list[dict] = []
    courses: list[Course] = []
    for name, (run, stall) in runs.items():
        model = CycleModel(ops, memory=isinstance(stall, Pauses) and any(stall.memory))
        course = model.run(len(run.outputs[0]), stall, seed, watched=() if courses else None)
        checks.append(same_beats(f"{name} = cycle model", course, model, run))
        courses.append(course)
    course = courses[0]
    fills = {op.name: course.operators[op.name].fill for op in ops if op.input_buffer()}
    return {**course_figures(course), "fifos": fills}, checks


def deadlock_ring(ops: list[HwOp], frames: int) -> str:
    """A sentence on operators that wait for each other in the model; empty where there are none."""
    if not (names := CycleModel(ops).run(frames, watched=()).ring):
        return ""
    return f"In the cycle model each of these waits for the next: {' -> '.join([*names, names[0]])}."


def course_figures(run: Run | Course) -> Record:
    """Interval and latencies of a run at full rate, of the RTL or the model, as sim.json names them."""
    steady = isinstance(run.interval, int)
    late = run.gaps[len(run.gaps) // 2 :]
    return {
        "interval": run.interval if steady else round(sum(late) / len(late)) if late else None,
        "interval_constant": steady, "latency": run.answer, "first_beat": run.latency,
    }  # fmt: skip


def same_beats(name: str, course: Course, model: CycleModel, run: Run) -> Record:
    """The check that all beats in and out of the network are in the same cycle."""
    tensors = [*model.sources, *model.constants.values(), *model.sinks]  # of frames
    expected = [*run.taken[: len(tensors) - len(model.sinks)], *run.given[: len(model.sinks)]]
    got = [course.transfers(tensor) for tensor in tensors]
    beats = sum(map(len, expected))
    pairs = zip(got, expected, strict=True)
    wrong = sum(len(b) if len(a) != len(b) else int((a != b).sum()) for a, b in pairs)
    what = "cycle of every beat into and out of the network"
    return artifacts.check(name, course.frames, wrong, beats, what)
