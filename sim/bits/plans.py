"""Which calls a block of images takes through a graph, and which operators of it are done in one."""

from typing import Any, NamedTuple

from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.sim.bits.packed import Step, as_integers, as_stream


class Call(NamedTuple):
    """A step in its place: the tensors it takes, and for each result the tensors that are that value."""

    step: Any  # a function of a value per source, maybe with notes
    reads_patches: bool
    sources: list[str]
    results: list[list[str]]
    streams: list[Stream]
    kept: str  # under this name, if any


def noted(step: Step, **notes: Any) -> Step:
    """A step with what others may know of it, as attributes."""
    vars(step).update(notes)
    return step


def planned(ops: list[HwOp], steps: list[Step], wanted: frozenset[str]) -> list[Call]:
    """The calls of a graph; the results of the wanted operators, by name, are to be seen. An
    operator that passes its input on is none: its value goes from before it to those behind it."""
    calls: list[Call] = []
    givers: dict[str, list[str]] = {}  # tensor: the names under which its value is to be found
    streams: dict[str, Stream] = {}  # tensor: as its value is given
    for op, step in zip(ops, steps):
        if op.identity and op.name not in wanted and op.sources[0] in givers:
            names = givers.pop(op.sources[0])
            names.remove(op.sources[0])
            names += op.results
            givers.update(dict.fromkeys(op.results, names))
            streams.update(dict.fromkeys(op.results, streams[op.sources[0]]))
            continue
        sinks: list[Stream] = op.in_streams()
        given = [streams.get(tensor, sink) for tensor, sink in zip(op.sources, sinks)]
        if any(source.shape != sink.shape for source, sink in zip(given, sinks)):
            step = of_shapes(step, given, sinks)
        lists = [[tensor] for tensor in op.results]
        givers.update(zip(op.results, lists))
        streams.update(zip(op.results, op.out_streams()))
        patches = getattr(step, "reads_patches", False)
        kept = op.name if op.name in wanted else ""
        calls.append(Call(step, patches, op.sources, lists, op.out_streams(), kept))
    return in_one_call(pooled_at_once(calls))


def of_shapes(step: Step, given: list[Stream], sinks: list[Stream]) -> Step:
    """A step of values whose frames have another shape than it takes, their elements in the same order."""

    def reshaped(*values):
        plain = [as_integers(x, source) for x, source in zip(values, given)]
        return step(*(as_stream(x.reshape(-1, *sink.shape), sink) for x, sink in zip(plain, sinks)))

    return reshaped


def pooled_at_once(calls: list[Call]) -> list[Call]:
    """A matrix and the pool of what it gives: in one call, where their steps can (`matrices.matches`)."""
    found: list[Call] = []
    places: dict[str, int] = {}  # tensor: of the only call that gives nothing else
    for call in calls:
        place = places.get(call.sources[0], -1) if hasattr(call.step, "pool") else -1
        step = found[place].step.with_pool(call.step.pool) if place >= 0 else None
        if step:
            found[place] = call._replace(step=step, reads_patches=True, sources=found[place].sources)
            continue
        if hasattr(call.step, "with_pool") and not call.kept and len(call.results[0]) == 1:
            places[call.results[0][0]] = len(found)
        found.append(call)
    return found


def in_one_call(calls: list[Call]) -> list[Call]:
    """A matrix, its sum with another stream, and what compares that sum, in one call where their steps
    can (`matrices.matches`, `elements.weighted`, `elements.level_step`): numbers stay in registers."""
    givers = {tensor: call for call in calls for tensors in call.results for tensor in tensors}
    readers = {tensor: call for call in calls for tensor in call.sources}
    instead: dict[int, Call | None] = {}  # by the call's identity
    for call in calls:
        if call.kept or not hasattr(call.step, "ending"):
            continue
        [names] = call.results
        behind = [readers[name] for name in names if name in readers]
        behind = [one for one in behind if hasattr(one.step, "levels") and not one.kept][:1]
        for side, tensor in enumerate(call.sources):
            front = givers.get(tensor)
            if front is None or front.kept or front.results != [[tensor]] or id(front) in instead:
                continue
            if not hasattr(front.step, "with_ending"):
                continue
            levels = behind[0].step.levels if behind else None
            step = front.step.with_ending(call.step.ending, side, levels)
            if step is None:
                continue
            others = [name for one in behind for name in one.sources]
            sources = [*front.sources, call.sources[1 - side]]
            results = [[name for name in names if name not in others], *(one.results[0] for one in behind)]
            streams = [*call.streams, *(stream for one in behind for stream in one.streams)]
            instead[id(call)] = Call(step, True, sources, results, streams, "")
            instead |= dict.fromkeys(map(id, (front, *behind)))
            break
    return [one for call in calls if (one := instead.get(id(call), call))]
