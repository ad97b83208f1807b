"""The cycle model: in which cycle every beat of every stream of a folded graph is transferred, exactly as in
its RTL, without simulating it.

Values decide nothing about time, so an operator is a table of steps (`cycles.py` of its folder, see
`xnorforge.hw.ops._timing`), and one compiled kernel moves the beats of all of them.
"""

from dataclasses import dataclass

import numpy as np

from xnorforge.hw.ops import _timing, part
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim.cycles import kernel

PAUSED = 2**32  # a chance of 1, as sim/stream.cpp draws it


@dataclass(frozen=True)
class Work:
    """What an operator does in the cycles of a run.

    Attributes:
        busy: cycles in which its pipeline does a step.
        starved: cycles in which it could and waits for input.
        blocked: cycles in which it stands still for its readers.
        fill: most beats in its buffer right after a transfer into it; None without a buffer.
        waits: "input" or "readers", what it waits for at the end.
    """

    busy: int
    starved: int
    blocked: int
    fill: int | None
    waits: str


@dataclass(frozen=True)
class Course:
    """What the model finds.

    Attributes:
        taken: {tensor: cycle of the transfer of every beat, int64 (beats,)}; fewer than all in a deadlock.
        frames: how many were given.
        beats: {tensor: beats of a frame}.
        result: the tensor the first stream out carries.
        given: the tensor the first stream in carries.
        operators: {name: Work}.
    """

    taken: dict[str, np.ndarray]
    frames: int
    beats: dict[str, int]
    given: str
    result: str
    operators: dict[str, Work]

    @property
    def deadlock(self) -> dict[str, str]:
        """{operator: what it waits for, "input" or "readers"} where beats are left that nothing can move any
        more; empty where every beat of every stream came.
        """
        if all(len(cycles) == self.frames * self.beats[tensor] for tensor, cycles in self.taken.items()):
            return {}
        return {name: work.waits for name, work in self.operators.items()}

    @property
    def gaps(self) -> list[int]:
        """Cycles between the last beats of consecutive frames."""
        beats = self.beats[self.result]
        return np.diff(self.taken[self.result][beats - 1 :: beats]).tolist()

    @property
    def interval(self) -> int | list[int] | None:
        """Cycles per frame in the steady state: the gap, where the last three agree, else the list of
        gaps.
        """
        last = self.gaps[-3:]
        return None if not last else last[0] if len(set(last)) == 1 else self.gaps

    @property
    def latency(self) -> int:
        """Cycles from the first input beat to the first output beat."""
        return int(self.taken[self.result][0] - self.taken[self.given][0])


class CycleModel:
    """The tables of a folded graph, or of operators that stand alone.

    Raises:
        UserError: an operator has no row; the text names it.
    """

    def __init__(self, ops: list[HwOp]):
        self.ops = ops
        self.timings = [_timing.row_of(op, part(op, "cycles")) for op in ops]
        given = [(t, s) for op in ops for t, s in zip(op.sources, op.in_streams())]
        made = [(t, s) for op in ops for t, s in zip(op.results, op.out_streams())]
        self.streams = dict(given) | dict(made)
        self.sources = [tensor for tensor, _ in given if tensor not in dict(made)]
        self.sinks = [tensor for tensor, _ in made if tensor not in dict(given)]

    def run(self, frames: int, stall=(0.0, 0.0), seed: int = 0, lane: int = 0, pace: int = 0) -> Course:
        """Send frames back to back through the operators.

        Args:
            frames: how many.
            stall: chance of a pause of source and of sink in any cycle, 0 to below 1.
            seed: of the pauses, which are those of `sim.cosim.run` with this seed.
            lane: on which lane of a bench the operators stand; its pauses are its own.
            pace: cycles per frame at which sources that do not pause offer their beats evenly; 0 as soon as
                they can.
        """
        tables = _Tables(self, frames, pace)
        tables.pauses(stall, seed, lane)
        kernel.move_beats(*tables.arguments())
        return tables.course()


class _Tables:
    """The arrays of one run; nodes are the operators, the sources, the sinks."""

    def __init__(self, model: CycleModel, frames: int, pace: int):
        self.model, self.frames = model, frames
        count = len(model.ops) + len(model.sources) + len(model.sinks)
        self.nodes = np.zeros((count, kernel.NODE_COLUMNS), np.int64)
        self.states = np.zeros((count, kernel.STATE_COLUMNS), np.int64)
        self.states[:, kernel.MOVE] = -1
        self.random = np.zeros(count, np.uint64)
        self.number = {tensor: k for k, tensor in enumerate(model.streams)}
        self.streams = np.zeros((len(self.number), kernel.STREAM_COLUMNS), np.int64)
        self.memory = self.logged = 0
        self.links: list[int] = []
        self.works: list[np.ndarray] = []
        for tensor, stream in model.streams.items():
            row = self.streams[self.number[tensor]]
            row[kernel.LOGGED] = frames * stream.beats
            row[kernel.LOG] = self._log(frames * stream.beats)
        for node, (op, timing) in enumerate(zip(model.ops, model.timings)):
            self._pipeline(node, op, timing)
        for node, tensor in enumerate(model.sources, len(model.ops)):
            self._link(node, [], [tensor])
            self.nodes[node, kernel.KIND] = kernel.SOURCE
            beats = model.streams[tensor].beats
            self.nodes[node, [kernel.BEATS, kernel.PACE, kernel.FRAME]] = frames * beats, pace, beats
        for node, tensor in enumerate(model.sinks, count - len(model.sinks)):
            self._link(node, [tensor], [])
            self.nodes[node, kernel.KIND] = kernel.SINK

    def _log(self, numbers: int) -> int:
        """Where so many numbers of the log lie."""
        self.logged += numbers
        return self.logged - numbers

    def _ring(self, node: int, at: int, mask: int, entries: int, size: int) -> None:
        """Memory for at least so many entries of `size` numbers each."""
        many = 1 << (entries - 1).bit_length()
        self.nodes[node, [at, mask]] = self.memory, many - 1
        self.memory += many * size

    def _link(self, node: int, into: list[str], out: list[str]) -> None:
        for tensors, at, count, end in (
            (into, kernel.INS, kernel.IN_COUNT, kernel.READER),
            (out, kernel.OUTS, kernel.OUT_COUNT, kernel.WRITER),
        ):
            self.nodes[node, [at, count]] = len(self.links), len(tensors)
            for tensor in tensors:
                self.links.append(self.number[tensor])
                self.streams[self.number[tensor], end] = node

    def _pipeline(self, node: int, op: HwOp, timing: _timing.Timing) -> None:
        self._link(node, op.sources, op.results)
        works, row = timing.table(), self.nodes[node]
        row[[kernel.LATENCY, kernel.STOP]] = timing.latency, timing.stop
        row[[kernel.WORKS, kernel.WORK_COUNT]] = sum(map(len, self.works)), len(works)
        self.works.append(works)
        self._ring(node, kernel.GIVEN_AT, kernel.GIVEN_MASK, timing.latency + 4, 2)
        if timing.buffer is None:
            return
        buffer = timing.buffer
        row[[kernel.PERIOD, kernel.ROOM]] = buffer.period, buffer.room
        row[[kernel.SEEN, kernel.FREE]] = buffer.seen, buffer.free
        self.states[node, kernel.ALLOWED] = buffer.room
        self._ring(node, kernel.HELD_AT, kernel.HELD_MASK, buffer.room + buffer.period + 1, 1)
        self._ring(node, kernel.FREED_AT, kernel.FREED_MASK, buffer.room + buffer.period + 1, 2)
        periods = self.frames * op.in_stream().beats // buffer.period
        row[kernel.FREED_LOGGED] = periods * int((works[:, kernel.FREES] > 0).sum())
        row[kernel.FREED_LOG] = self._log(2 * int(row[kernel.FREED_LOGGED]))

    def pauses(self, stall: tuple[float, float], seed: int, lane: int) -> None:
        """What sources and sinks draw, see sim/stream.cpp."""
        model, first = self.model, len(self.model.ops)
        for tensors, chance, odd in ((model.sources, stall[0], 0), (model.sinks, stall[1], 1)):
            for k, tensor in enumerate(tensors):
                start = (seed * 2 + odd + (lane << 32) + (k << 56)) % 2**64
                self.random[first + k] = np.uint64(start)
                words = -(-model.streams[tensor].width // 32)
                self.nodes[first + k, [kernel.PAUSE, kernel.WORDS]] = int(chance * PAUSED), words
            first += len(tensors)

    def arguments(self) -> tuple:
        """Of `kernel.move_beats`."""
        self.log = np.zeros(self.logged, np.int64)
        works, links = np.concatenate(self.works), np.array(self.links, np.int64)
        memory = np.zeros(max(self.memory, 1), np.int64)
        queue, waiting = np.zeros(len(self.nodes), np.int64), np.zeros(len(self.nodes), np.bool_)
        tables = (self.nodes, self.states, self.random, works, self.streams, links, memory, self.log)
        return *tables, queue, waiting, np.zeros(2, np.int64)

    def course(self) -> Course:
        """What is in the arrays at the end."""
        model, taken, end = self.model, {}, 0
        for tensor, k in self.number.items():
            start = self.streams[k, kernel.LOG]
            taken[tensor] = self.log[start : start + self.streams[k, kernel.TAKEN]]
            end = max(end, int(self.streams[k, kernel.TAKE]))
        operators = {}
        for op, node, state in zip(model.ops, self.nodes, self.states):
            waits = ("", "input", "readers")[state[kernel.WAITS]]
            busy, starved = int(state[kernel.BUSY]), int(state[kernel.STARVED])
            fill = self._fill(node, state, taken[op.sources[0]], taken[op.results[0]])
            operators[op.name] = Work(busy, starved, int(state[kernel.STOOD]), fill, waits)
        beats = {tensor: stream.beats for tensor, stream in model.streams.items()}
        return Course(taken, self.frames, beats, model.sources[0], model.sinks[0], operators)

    def _fill(self, node, state, written: np.ndarray, given: np.ndarray) -> int | None:
        """Most beats in a buffer right after one was written; of a skid, in both registers."""
        if not node[kernel.PERIOD]:
            return None
        if not node[kernel.SEEN]:
            before = np.searchsorted(given, written, side="left")
            return int((np.arange(1, len(written) + 1) - before).max(initial=0))
        start = node[kernel.FREED_LOG]
        room, cycles = self.log[start : start + 2 * state[kernel.FREED_MADE]].reshape(-1, 2).T
        freed = np.concatenate([[0], room - node[kernel.ROOM]])
        before = freed[np.searchsorted(cycles, written, side="right")]
        return int((np.arange(1, len(written) + 1) - before).max(initial=0))
