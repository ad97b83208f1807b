"""The arrays that the kernel of the cycle model works on."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from xnorforge.hw.cycles import kernel
from xnorforge.hw.cycles.pauses import Pause, Pauses, generator_start
from xnorforge.hw.ops import _timing
from xnorforge.hw.ops.base import HwOp, Stream

UNLIMITED = 2**62
KEPT = 12  # frames whose cycles find room at first, where most may not have to be moved


class Graph(Protocol):
    """Operators with their rows, and the streams between them by tensor; those of `sources` come from
    outside, those of `sinks` go there, those of `inner` are all others.
    """

    ops: list[HwOp]
    timings: list[_timing.Timing]
    memory: int
    streams: dict[str, Stream]
    sources: list[str]
    sinks: list[str]
    inner: list[str]


def with_repeats(
    values: np.ndarray, each: int, repeats: Sequence[tuple[int, ...]], most: int = 0
) -> np.ndarray:
    """Cycles, `each` of them in every moved frame, and those of frames that were not moved.

    Args:
        values: int64 (moved frames * each,).
        each: how many of a frame.
        repeats: (moved frames before, frames that repeat the last of them, those that do so together, by so
            many cycles later).
        most: of repeated frames in a row only so many, the last ones, where each repeats the one before;
            0 all.
    """
    parts, start = [], 0
    for after, frames, together, period in repeats:
        end, block = after * each, together * each
        rounds = -(-frames // together)
        later = period * np.arange(max(1, rounds - most + 1) if most else 1, rounds + 1)
        repeated = (values[end - block : end] + later[:, np.newaxis]).ravel()
        parts += [values[start:end], repeated[: len(later) * block - (rounds * together - frames) * each]]
        start = end
    return np.concatenate([*parts, values[start:]]) if parts else values


class Tables:
    """The arrays of one run; nodes are the operators, the sources, the sinks, what stands in front of
    operators.

    Args:
        model: what runs.
        frames: how many in all.
        pace: cycles per frame at which sources offer their beats, 0: as soon as they can.
        watched: not all frames may have to be moved.
        operators: those of whose streams, and of whose buffers, the cycles are kept; None all.
    """

    def __init__(
        self, model: Graph, frames: int, pace: int, watched: bool, operators: Collection[str] | None
    ):
        self.model = model
        self.operators = {op.name for op in model.ops} if operators is None else set(operators)
        self.kept = min(frames, KEPT) if watched else frames
        fronts = [k for k, timing in enumerate(model.timings) if timing.front]
        ends = len(model.ops) + len(model.sources)
        count = ends + len(model.sinks) + len(fronts)
        self.nodes = np.zeros((count, kernel.NODE_COLUMNS), np.int64)
        self.states = np.zeros((count, kernel.STATE_COLUMNS), np.int64)
        self.states[:, kernel.MOVE] = -1
        self.number = {tensor: k for k, tensor in enumerate(model.streams)}
        self.fronts = dict(zip(fronts, range(count - len(fronts), count)))
        beats = [stream.beats for stream in model.streams.values()]
        beats += [model.ops[k].in_stream().beats for k in fronts]
        self.streams = np.zeros((len(beats), kernel.STREAM_COLUMNS), np.int64)
        self.memory = self.logged = 0
        self.links: list[int] = []
        self.works: list[np.ndarray] = []
        kept = {*model.sources, *model.sinks}
        kept.update(*((*op.sources, *op.results) for op in model.ops if op.name in self.operators))
        logged = {self.number[tensor] for tensor in kept}
        for k, (row, of_frame) in enumerate(zip(self.streams, beats)):
            row[kernel.LOGGED] = self.kept * of_frame if k in logged else 0
            row[kernel.LOG] = self._log(int(row[kernel.LOGGED]))
            row[kernel.FRAME_BEATS] = of_frame
        behind = iter(range(len(self.number), len(beats)))  # the streams behind fronts
        for node, (op, timing) in enumerate(zip(model.ops, model.timings)):
            into, out = self._numbers(op.sources), self._numbers(op.results)
            if timing.front:
                between = [next(behind)]
                self._pipeline(self.fronts[node], op, timing.front, into, between)
                if timing.front.rounds:
                    self._round(self.fronts[node], node, timing.front.rounds)
                into = between
            self._pipeline(node, op, timing, into, out)
        for node, tensor in enumerate(model.sources, len(model.ops)):
            self._link(node, [], self._numbers([tensor]))
            self.nodes[node, kernel.KIND] = kernel.SOURCE
            self.nodes[node, [kernel.PACE, kernel.FRAME]] = pace, model.streams[tensor].beats
        for node, tensor in enumerate(model.sinks, ends):
            self._link(node, self._numbers([tensor]), [])
            self.nodes[node, kernel.KIND] = kernel.SINK
        for node, timing in enumerate(model.timings):
            if timing.ahead:
                self._let(len(model.ops), node, timing.ahead)
        self.workers = np.arange(len(model.ops))  # the nodes whose cycles are those of the operators
        for node, front in self.fronts.items():
            self.workers[node] = front if self.nodes[front, kernel.KIND] == kernel.ROUNDS else node
        self.log = np.zeros(self.logged, np.int64)
        all_works, links = np.concatenate(self.works), np.array(self.links, np.int64)
        memory = np.zeros(max(self.memory, 1), np.int64)
        queue, waiting = np.zeros(count + 1, np.int64), np.zeros(count, np.bool_)
        tables = (self.nodes, self.states, all_works, self.streams, links, memory, self.log)
        self.arguments = (*tables, queue, waiting, np.zeros(2, np.int64))
        # What `kernel.note_state` writes: a number of each stream, of a node some and what its rings hold.
        kinds = self.nodes[:, kernel.KIND]
        moving = (kinds == kernel.PIPELINE) | (kinds == kernel.ROUNDS)
        rings = self.nodes[:, [kernel.GIVEN_MASK, kernel.HELD_MASK, kernel.FREED_MASK]].sum(1)
        entries = np.where(moving, 5 + rings, self.nodes[:, kernel.AHEAD])
        self.nodes[:, kernel.SEEN_COUNT] = entries
        self.nodes[:, kernel.SEEN_AT] = len(self.streams) + np.cumsum(entries) - entries
        self.entries = len(self.streams) + int(entries.sum())
        self.remembering = np.flatnonzero(entries)  # the nodes on which what comes depends
        self.before: dict[bytes, tuple[int, np.ndarray]] = {}  # by marks: the last frame behind which, cycles
        self.postponed = np.zeros(count, np.int64)  # cycles of frames that were not moved, per node
        self.drifts: list[tuple[int, int, np.ndarray, np.ndarray]] = []

    def _log(self, numbers: int) -> int:
        """Where so many numbers of the log lie."""
        self.logged += numbers
        return self.logged - numbers

    def _keep(self, frames: int) -> None:
        """Room for the cycles of so many frames."""
        places: list[tuple[int, int, int]] = []
        old = self.log
        for table, at, count, size in (
            (self.streams, kernel.LOG, kernel.LOGGED, 1),
            (self.nodes, kernel.FREED_LOG, kernel.FREED_LOGGED, 2),
        ):
            for row in table:
                start, numbers = int(row[at]), size * int(row[count])
                row[count] = row[count] // self.kept * frames
                row[at] = self._log(size * int(row[count]))
                places.append((int(row[at]), start, numbers))
        self.log = np.zeros(self.logged, np.int64)
        self.log[: len(old)] = old
        for place, start, numbers in places:
            self.log[place : place + numbers] = old[start : start + numbers]
        self.kept = frames
        self.arguments = (*self.arguments[:6], self.log, *self.arguments[7:])

    def _ring(self, node: int, at: int, mask: int, entries: int, size: int) -> None:
        """Memory for at least so many entries of `size` numbers each."""
        many = 1 << (entries - 1).bit_length()
        self.nodes[node, [at, mask]] = self.memory, many - 1
        self.memory += many * size

    def _numbers(self, tensors: list[str]) -> list[int]:
        return [self.number[tensor] for tensor in tensors]

    def _let(self, source: int, reader: int, ahead: int) -> None:
        """At most `ahead` frames are between the first source and a reader."""
        self.nodes[reader, kernel.LETS] = source
        freed = self.nodes[reader, kernel.FREED_LOGGED] // self.kept
        self.nodes[source, [kernel.LET_BY, kernel.LET_FREES, kernel.AHEAD]] = reader, freed, ahead

    def _round(self, node: int, reader: int, rounds: _timing.Rounds) -> None:
        """A front goes round, and stops for the one that reads what it made."""
        row, many = self.nodes[node], (rounds.turns + 2) * rounds.places
        row[[kernel.KIND, kernel.LET_BY]] = kernel.ROUNDS, reader
        row[[kernel.PLACES, kernel.ROUND, kernel.TURNS]] = rounds.places, rounds.moves, rounds.turns
        self._ring(node, kernel.HELD_AT, kernel.HELD_MASK, many, 1)
        self.nodes[reader, kernel.LETS] = node

    def _link(self, node: int, into: list[int], out: list[int]) -> None:
        for streams, at, count, end in (
            (into, kernel.INS, kernel.IN_COUNT, kernel.READER),
            (out, kernel.OUTS, kernel.OUT_COUNT, kernel.WRITER),
        ):
            self.nodes[node, [at, count]] = len(self.links), len(streams)
            self.links += streams
            self.streams[streams, end] = node

    def _pipeline(self, node: int, op: HwOp, timing: _timing.Timing, into: list[int], out: list[int]) -> None:
        self._link(node, into, out)
        works, row = timing.table, self.nodes[node]
        row[[kernel.LATENCY, kernel.STOP]] = timing.latency, timing.stop
        row[[kernel.WORKS, kernel.WORK_COUNT]] = sum(map(len, self.works)), len(works)
        self.works.append(works)
        self._ring(node, kernel.GIVEN_AT, kernel.GIVEN_MASK, timing.latency + _timing.RUNNING, 2)
        buffer = timing.buffer
        if buffer is None:
            return
        row[[kernel.PERIOD, kernel.ROOM]] = buffer.period, buffer.room
        row[[kernel.SEEN, kernel.FREE]] = buffer.seen, buffer.free
        self.states[node, kernel.ALLOWED] = buffer.room
        frees = int((works[:, kernel.FREES] > 0).sum())
        row[kernel.SHUTS] = works[:, kernel.SHUT].any()
        self._ring(node, kernel.HELD_AT, kernel.HELD_MASK, buffer.room + buffer.period + 1, 1)
        self._ring(
            node, kernel.FREED_AT, kernel.FREED_MASK, (buffer.room // buffer.period + 2) * frees + 1, 2
        )
        periods = self.kept * op.in_stream().beats // buffer.period
        row[kernel.FREED_LOGGED] = periods * frees if op.name in self.operators or timing.ahead else 0
        row[kernel.FREED_LOG] = self._log(2 * int(row[kernel.FREED_LOGGED]))

    def pauses(self, pauses: Pauses, seed: int, lane: int) -> None:
        """What streams draw, see sim/stream.cpp."""
        inner = pauses.inner or (Pause(),) * len(self.model.inner)
        for side, tensors, given in (
            ("in", self.model.sources, (pauses.source,) * len(self.model.sources)),
            ("out", self.model.sinks, (pauses.sink,) * len(self.model.sinks)),
            ("inner", self.model.inner, inner),
        ):
            for k, (tensor, pause) in enumerate(zip(tensors, given, strict=True)):
                row = np.array(pause.numbers(generator_start(seed, lane, k, side)), np.uint64).view(np.int64)
                self.streams[self.number[tensor], kernel.CHANCE : kernel.START + 1] = row
                self.streams[self.number[tensor], kernel.PAUSES] = pause.any

    def send(self, frames: int) -> None:
        """Let the sources send so many frames in all, and move beats until nothing moves."""
        if frames > self.kept:
            self._keep(2 * frames)
        self.nodes[:, kernel.BEATS] = frames * self.nodes[:, kernel.FRAME]
        self.states[:, [kernel.EARLY_STEPS, kernel.EARLY_WRITES]] = UNLIMITED
        kernel.move_beats(*self.arguments)

    def periods(self, frames: int) -> tuple[int, np.ndarray, np.ndarray] | None:
        """Length of the repeating group after this many frames, in frames, and its cycles, int64 (streams,)
        and (nodes,), 0 for a node without state; None if some part of the network does not repeat yet.
        """
        marks, cycles = np.zeros((2, self.entries), np.int64)
        tables = (self.nodes, self.states, self.streams, self.arguments[5], self.log)
        kernel.note_state(*tables, frames, marks, cycles)
        before, then = self.before.get(marks.tobytes(), (0, cycles))
        self.before[marks.tobytes()] = frames, cycles
        if not before:
            return None
        later, starts = cycles - then, self.nodes[self.remembering, kernel.SEEN_AT]
        of_nodes = np.zeros(len(self.nodes), np.int64)
        of_nodes[self.remembering] = np.minimum.reduceat(later, starts)
        of_streams = later[: len(self.streams)]
        missing = marks[: len(self.streams)].any()
        if missing or (np.maximum.reduceat(later, starts) != of_nodes[self.remembering]).any():
            return None
        return frames - before, of_streams, of_nodes

    def repeats(self, frames: int, of_streams: np.ndarray, of_nodes: np.ndarray) -> int:
        """Number of frames that can be skipped with these periods; `UNLIMITED` if all periods are equal.

        Parts of a network meet in buffers. Where one works faster than the other, neither notices the other
        before the time by which it comes early enough is used up, by their difference in every frame.
        """
        moving = np.isin(self.nodes[:, kernel.KIND], [kernel.PIPELINE, kernel.ROUNDS])
        paces = {*(frames * self.nodes[:, kernel.PACE]).tolist()} - {0}
        if len({*of_streams.tolist(), *of_nodes[self.remembering].tolist(), *paces}) == 1:
            return UNLIMITED
        if frames > 1 or paces or (self.nodes[:, kernel.AHEAD] > 0).any():
            return 0
        many, links = UNLIMITED, self.arguments[4]
        for node, state, period in zip(self.nodes[moving], self.states[moving], of_nodes[moving].tolist()):
            into = of_streams[links[node[kernel.INS] :][: node[kernel.IN_COUNT]]]
            out = of_streams[links[node[kernel.OUTS] :][: node[kernel.OUT_COUNT]]]
            if (out != period).any() or (not node[kernel.PERIOD] and (into != period).any()):
                return 0
            if (into != period).any():
                early = state[[kernel.EARLY_STEPS, kernel.EARLY_WRITES]]
                if node[kernel.SHUTS] or early.min() < 0:
                    return 0
                used = abs(period - int(into[0]))
                many = min(many, int(early[1 if into[0] < period else 0]) // used)
        return many

    def skip(self, after: int, frames: int, of_streams: np.ndarray, of_nodes: np.ndarray) -> None:
        """Skip `frames` frames with these periods, after `after` simulated ones; more will be simulated."""
        self.drifts.append((after, frames, of_streams, of_nodes))
        self.postponed += frames * of_nodes
        arrays = (self.nodes, self.states, self.streams, self.arguments[5])
        kernel.postpone(*arrays, frames * of_streams, frames * of_nodes)
        self.before.clear()  # later frames are compared with those that passed
        self.periods(after)

    def spent(self) -> np.ndarray:
        """Cycles in which the operators were busy, starved, blocked in moved frames, int64 (operators, 3)."""
        found = self.states[self.workers][:, [kernel.BUSY, kernel.MOVE, kernel.STOOD]]
        found[:, 1] += np.maximum(self.nodes[self.workers, kernel.ROUND], 1) - found[:, 0]
        found[:, 2] -= self.postponed[self.workers]
        return found

    def taken(self) -> dict[str, np.ndarray]:
        """{tensor: cycles of its transfers so far}, of those that are kept."""
        found = {}
        for tensor, k in self.number.items():
            start = self.streams[k, kernel.LOG]
            if self.streams[k, kernel.LOGGED]:
                found[tensor] = self.log[start : start + self.streams[k, kernel.TAKEN]]
        return found

    def stopped(self, frames: int) -> bool:
        """Whether beats are left of so many frames that were sent."""
        return bool((self.streams[:, kernel.TAKEN] != frames * self.streams[:, kernel.FRAME_BEATS]).any())

    def fills(self) -> dict[str, int]:
        """{operator: most beats in its buffer}, of those that have one and are watched."""
        taken = self.taken()
        found: dict[str, int | None] = {}
        for k, op in enumerate(self.model.ops):
            if op.name not in self.operators:
                continue
            at = self.fronts.get(k, k)
            ends = (
                self._last(taken[tensor], self.number[tensor]) for tensor in (op.sources[0], op.results[0])
            )
            found[op.name] = self._most(at, *ends)
        return {name: fill for name, fill in found.items() if fill is not None}

    def _last(self, cycles: np.ndarray, stream: int) -> np.ndarray:
        """Transfer cycles of a stream, including the last skipped frames, which determine a buffer's fill
        when simulation continues.
        """
        beats = int(self.streams[stream, kernel.FRAME_BEATS])
        repeats = [(after, frames, 1, int(streams[stream])) for after, frames, streams, _ in self.drifts]
        return with_repeats(cycles, beats, repeats, self.model.memory)

    def waits(self) -> list[str]:
        """What the operators wait for."""
        return [("", "input", "readers")[wait] for wait in self.states[: len(self.model.ops), kernel.WAITS]]

    def waited_for(self) -> dict[str, list[str]]:
        """{operator: those that have not taken what it offers, or have not offered what it needs}."""
        pending = self.streams[:, kernel.OFFERED] != self.streams[:, kernel.TAKEN]
        readers = {tensor: op.name for op in self.model.ops for tensor in op.sources}
        writers = {tensor: op.name for op in self.model.ops for tensor in op.results}
        found: dict[str, list[str]] = {}
        for op, wait in zip(self.model.ops, self.waits()):
            at_input = wait == "input"
            tensors, others = (op.sources, writers) if at_input else (op.results, readers)
            missing = [tensor for tensor in tensors if pending[self.number[tensor]] != at_input]
            found[op.name] = [others[tensor] for tensor in missing if tensor in others]
        return found

    def _most(self, n: int, written: np.ndarray, given: np.ndarray) -> int | None:
        """Most beats in a buffer right after one was written; of a skid, in both registers."""
        node = self.nodes[n]
        if not node[kernel.PERIOD]:
            return None
        if not node[kernel.SEEN]:
            return int(kernel.most_held(written, given + 1, np.arange(1, len(given) + 1)))
        start, each = node[kernel.FREED_LOG], int(node[kernel.FREED_LOGGED]) // self.kept
        room, cycles = self.log[start : start + 2 * self.states[n, kernel.FREED_MADE]].reshape(-1, 2).T
        repeats = [(after, frames, 1, int(nodes[n])) for after, frames, _, nodes in self.drifts]
        cycles = with_repeats(cycles, each, repeats, self.model.memory)
        # Every frame frees what the first one did.
        beats = self.streams[self.arguments[4][node[kernel.INS]], kernel.FRAME_BEATS]
        frames = np.arange(-(-len(cycles) // each))[:, np.newaxis] * beats
        freed = (room[:each] - node[kernel.ROOM] + frames).ravel()
        return int(kernel.most_held(written, cycles, freed))
