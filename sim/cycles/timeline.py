"""Two frames as Trace Event JSON, for https://ui.perfetto.dev and chrome://tracing."""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.cycles import Course, CycleModel
from xnorforge.hw.ops.base import HwOp

FRAMES = 2
SAMPLES = 400  # of a buffer's fill, per frame


def trace(model: CycleModel, course: Course) -> Record:
    """The first two frames of a course: per operator a row of its frames, from the first beat it takes to the
    last it gives, and per stream a row of its bursts; what waits in every FIFO as a curve.

    Returns:
        The object of the file; a microsecond stands for a cycle.
    """
    events: list[dict] = []
    for number, op in enumerate(model.ops):
        given = [tensor for tensor in op.sources if tensor in model.sources]
        rows = [(op.name, spans_of_frames(course, op))]
        rows += [(f"to {op.name}", bursts(course, tensor)) for tensor in given]
        rows += [(tensor, bursts(course, tensor)) for tensor in op.results]
        events.append(naming_event("process_name", f"{number:02d} {op.name}", number))
        for row, (name, slices) in enumerate(rows):
            events.append(naming_event("thread_name", name, number, row))
            events += [
                {"name": what, "ph": "X", "ts": start, "dur": end - start, "pid": number, "tid": row}
                for what, start, end in slices
            ]
        if course.operators[op.name].fill is not None and op.identity:
            events += [
                {"name": "beats inside", "ph": "C", "ts": cycle, "pid": number, "args": {"beats": fill}}
                for cycle, fill in held_beats(course, op)
            ]
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"unit": "1 us is one clock cycle"}}


def naming_event(what: str, name: str, process: int, thread: int = 0) -> Record:
    """The event that gives a row its name."""
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def shown(course: Course, tensor: str) -> np.ndarray:
    """Cycles of the transfers of the first two frames, int64 (frames, beats)."""
    beats = course.beats[tensor]
    cycles = course.moved[tensor][: FRAMES * beats]
    return cycles[: len(cycles) // beats * beats].reshape(-1, beats)


def spans_of_frames(course: Course, op: HwOp) -> list[tuple[str, int, int]]:
    """(name, first cycle, cycle after the last) of every frame in an operator."""
    begins = np.min([shown(course, tensor)[:, 0] for tensor in op.sources], axis=0).tolist()
    ends = np.max([shown(course, tensor)[:, -1] for tensor in op.results], axis=0).tolist()
    return [(f"frame {k}", begin, end + 1) for k, (begin, end) in enumerate(zip(begins, ends))]


def bursts(course: Course, tensor: str) -> list[tuple[str, int, int]]:
    """(name, first cycle, cycle after the last) of beats that follow each other no more than twice as far
    apart as usual.
    """
    found = []
    for k, cycles in enumerate(shown(course, tensor)):
        apart = np.diff(cycles)
        usual = np.median(apart) if len(apart) else 0
        for part in np.split(cycles, np.flatnonzero(apart > 2 * usual) + 1):
            found.append((f"frame {k}, {len(part):,} beats", int(part[0]), int(part[-1]) + 1))
    return found


def held_beats(course: Course, op: HwOp) -> list[tuple[int, int]]:
    """(cycle, beats) of what an operator that changes nothing has taken and not given before that cycle."""
    written, given = (shown(course, tensor).ravel() for tensor in (op.sources[0], op.results[0]))
    if not len(given):
        return []
    wide, narrow = len(written) // len(given) or 1, len(given) // len(written) or 1
    at = np.unique(np.linspace(0, int(given[-1]) + 1, FRAMES * SAMPLES).astype(np.int64))
    left = np.searchsorted(given, at, side="left") * wide // narrow
    return list(zip(at.tolist(), (np.searchsorted(written, at, side="left") - left).tolist()))
