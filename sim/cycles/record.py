"""What the stage `sim` records of the cycle model: its cycles beside those of the RTL, and whether every beat
of the network's streams is the same.
"""

from typing import Any

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.hw.cycles import Course, CycleModel
from xnorforge.hw.ops._loadable import loadable
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim.cosim import Run
from xnorforge.sim.cycles import timeline

SIZING_FRAMES = 8
SKID = 2  # beats; a FIFO of fewer is the same


def of_network(ops: list[HwOp], runs: dict[str, tuple[Run, Any]], seed: int) -> tuple[dict, list[dict], dict]:
    """Run the model as the RTL ran.

    Args:
        ops: of a folded graph.
        runs: {name: (run of the RTL, its chances of pauses)}, the first one at full rate.
        seed: of the runs.

    Returns:
        The key `model` of sim.json; its checks; the timeline. Where the model does not cover an operator,
        `why_not` says so, and the rest is empty.
    """
    try:
        if template := loadable(ops):
            raise UserError(
                f"{template.name}: the cycle model does not cover templates, which bypass the streams."
            )
        model = CycleModel(ops)
    except UserError as error:
        return {"why_not": str(error)}, [], {"traceEvents": [], "otherData": {"why_not": str(error)}}
    checks: list[dict] = []
    courses: list[Course] = []
    for name, (run, stall) in runs.items():
        course = model.run(len(run.outputs[0]), stall, seed, watched=() if courses else None)
        checks.append(same_beats(f"{name} = cycle model", course, model, run))
        courses.append(course)
    course = courses[0]
    figures = {
        "why_not": None,
        **course_figures(course),
        **operators_at_work(ops, course),
        "fifos": fifos(model, course),
    }
    return figures, checks, timeline.trace(model, course)


def deadlock_ring(ops: list[HwOp], frames: int) -> str:
    """A sentence on operators that wait for each other in the model; empty where there are none, or the model
    does not cover an operator.
    """
    try:
        names = CycleModel(ops).run(frames, watched=()).ring
    except UserError:
        return ""
    if not names:
        return ""
    return f"In the cycle model each of these waits for the next: {' -> '.join([*names, names[0]])}."


def course_figures(run: Run | Course) -> dict:
    """Interval and latencies of a run at full rate, of the RTL or the model, as sim.json names them."""
    steady = isinstance(run.interval, int)
    late = run.gaps[len(run.gaps) // 2 :]
    return {
        "interval": run.interval if steady else round(sum(late) / len(late)) if late else None,
        "interval_constant": steady,
        "latency": run.answer,
        "first_beat": run.latency,
    }


def same_beats(name: str, course: Course, model: CycleModel, run: Run) -> dict:
    """The check that all beats in and out of the network are in the same cycle."""
    expected = [*run.taken, *run.given]
    got = [course.transfers(tensor) for tensor in (*model.sources, *model.sinks)]
    beats = sum(map(len, expected))
    wrong = sum(
        len(b) if len(a) != len(b) else int((a != b).sum()) for a, b in zip(got, expected, strict=True)
    )
    what = "cycle of every beat into and out of the network"
    return artifacts.check(name, course.frames, wrong, beats, what)


def operators_at_work(ops: list[HwOp], course: Course) -> dict[str, dict]:
    """The keys `operators` and `frames` of the model's record."""
    return {
        "operators": {name: busy_shares(cycles) for name, cycles in course.last.items()},
        "frames": {op.name: [list(span[1:]) for span in timeline.spans_of_frames(course, op)] for op in ops},
    }


def busy_shares(cycles: tuple[int, int, int]) -> dict[str, float]:
    """Of the cycles between the last steps of two frames."""
    names = ("busy", "starved", "blocked")
    return {name: round(part / max(sum(cycles), 1), 5) for name, part in zip(names, cycles)}


def fifos(model: CycleModel, course: Course) -> dict[str, dict]:
    """{buffer: most beats in it at full rate, and of a FIFO its least depth}, as in the operators' order."""
    depths = least_depths(model)
    return {
        op.name: {"fill": course.operators[op.name].fill, "least_depth": depths.get(op.name)}
        for op in model.ops
        if op.input_buffer()
    }


def least_depths(model: CycleModel) -> dict[str, int]:
    """{FIFO: depth} with which, all together, no beat leaves the network later in the first frames that
    follow each other at full rate; one after the other, the deepest first, each the least that the ones
    before it allow.
    """
    fifos = {
        index: op.get_nodeattr("depth")
        for index, op in enumerate(model.ops)
        if "depth" in op.get_nodeattr_types()
    }
    base = model.run(SIZING_FRAMES, watched=[model.ops[index].name for index in fifos])
    found = {}
    for index in sorted(fifos, key=lambda index: -fifos[index]):
        name, least, most = model.ops[index].name, 1, fifos[index]
        fill = base.operators[name].fill or most
        likely = [fill - 1, fill]  # most are as deep as they are full, and none too deep
        while least < most and most > SKID:
            likely = [depth for depth in likely if least <= depth < most]
            middle = likely.pop() if likely else (least + most) // 2
            enough = _in_time(model.with_depth(index, middle), base)
            least, most = (least, middle) if enough else (middle + 1, most)
        model, found[name] = model.with_depth(index, most), most
    return found


def _in_time(model: CycleModel, base: Course) -> bool:
    """Whether all beats leave as early as they do."""
    course = model.run(SIZING_FRAMES, watched=())
    if course.stopped:
        return False
    return all((course.transfers(tensor) <= base.transfers(tensor)).all() for tensor in model.sinks)
