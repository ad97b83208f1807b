"""The arrays that the kernel of the cycle model works on."""

from typing import Protocol

import numpy as np

from xnorforge.hw.ops import _timing
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.sim.cycles import kernel

PAUSED = 2**32  # a chance of 1, as sim/stream.cpp draws it


class Graph(Protocol):
    """Operators with their rows, and the streams between them by tensor; those of `sources` come from
    outside, those of `sinks` go there.
    """

    ops: list[HwOp]
    timings: list[_timing.Timing]
    streams: dict[str, Stream]
    sources: list[str]
    sinks: list[str]


class Tables:
    """The arrays of one run; nodes are the operators, the sources, the sinks.

    Args:
        model: what runs.
        frames: how many in all.
        pace: cycles per frame at which sources offer their beats, 0: as soon as they can.
        watched: keep what `kernel.period` compares.
    """

    def __init__(self, model: Graph, frames: int, pace: int, watched: bool):
        self.model, self.frames, self.watched = model, frames, watched
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
            row[kernel.FRAME_BEATS] = stream.beats
            row[[kernel.OFFERS, kernel.OFFERS_MASK]] = self._two_frames(stream.beats)
        for node, (op, timing) in enumerate(zip(model.ops, model.timings)):
            self._pipeline(node, op, timing)
        for node, tensor in enumerate(model.sources, len(model.ops)):
            self._link(node, [], [tensor])
            self.nodes[node, kernel.KIND] = kernel.SOURCE
            beats = model.streams[tensor].beats
            self.nodes[node, [kernel.PACE, kernel.FRAME]] = pace, beats
        for node, tensor in enumerate(model.sinks, count - len(model.sinks)):
            self._link(node, [tensor], [])
            self.nodes[node, kernel.KIND] = kernel.SINK
        self.log = np.zeros(self.logged, np.int64)
        all_works, links = np.concatenate(self.works), np.array(self.links, np.int64)
        memory = np.zeros(max(self.memory, 1), np.int64)
        queue, waiting = np.zeros(count + 1, np.int64), np.zeros(count, np.bool_)
        tables = (self.nodes, self.states, self.random, all_works, self.streams, links, memory, self.log)
        self.arguments = (*tables, queue, waiting, np.zeros(2, np.int64))

    def _log(self, numbers: int) -> int:
        """Where so many numbers of the log lie."""
        self.logged += numbers
        return self.logged - numbers

    def _two_frames(self, numbers: int) -> tuple[int, int]:
        """Where, and with which mask, the numbers of the last two frames lie in the log; one place for all
        where nobody watches.
        """
        many = 1 << (2 * numbers - 1).bit_length() if self.watched else 1
        return self._log(many), many - 1

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
        self._ring(node, kernel.GIVEN_AT, kernel.GIVEN_MASK, timing.latency + _timing.RUNNING, 2)
        row[kernel.FRAME_STEPS] = timing.steps(op.in_stream().beats)
        row[[kernel.ENDS, kernel.ENDS_MASK]] = self._two_frames(int(row[kernel.FRAME_STEPS]))
        buffer = timing.buffer
        if buffer is None:
            return
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

    def send(self, frames: int) -> None:
        """Let the sources send so many frames in all, and move beats until nothing moves."""
        self.nodes[:, kernel.BEATS] = frames * self.nodes[:, kernel.FRAME]
        kernel.move_beats(*self.arguments)

    def period(self, frames: int) -> int:
        """What `kernel.period` says of the last of so many frames."""
        return int(kernel.period(self.nodes, self.states, self.streams, self.log, frames))

    def spent(self) -> np.ndarray:
        """Cycles in which the operators were busy, starved, blocked, int64 (operators, 3)."""
        columns = [kernel.BUSY, kernel.STARVED, kernel.STOOD]
        return self.states[: len(self.model.ops), columns].copy()

    def taken(self) -> dict[str, np.ndarray]:
        """{tensor: cycles of its transfers so far}."""
        found = {}
        for tensor, k in self.number.items():
            start = self.streams[k, kernel.LOG]
            found[tensor] = self.log[start : start + self.streams[k, kernel.TAKEN]]
        return found

    def fills(self) -> dict[str, int]:
        """{operator: most beats in its buffer}, of those that have one."""
        taken, rows = self.taken(), zip(self.model.ops, self.nodes, self.states)
        found = {
            op.name: self._most(node, state, taken[op.sources[0]], taken[op.results[0]])
            for op, node, state in rows
        }
        return {name: fill for name, fill in found.items() if fill is not None}

    def waits(self) -> list[str]:
        """What the operators wait for."""
        return [("", "input", "readers")[wait] for wait in self.states[: len(self.model.ops), kernel.WAITS]]

    def _most(self, node, state, written: np.ndarray, given: np.ndarray) -> int | None:
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
