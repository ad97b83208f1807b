"""A run of the compiled cycle model: describes a graph to cycles.cpp, and reads the results."""

import ctypes
import weakref
from collections.abc import Collection, Sequence
from ctypes import POINTER, c_bool, c_int64, c_uint64, c_void_p
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from xnorforge.core.native import load_compiled
from xnorforge.hw.cycles.pauses import Pause, Pauses, generator_start
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.shells.dma import layout_of
from xnorforge.hw.timing import Timing

CODE = Path(str(files("xnorforge.hw") / "cycles" / "cycles.cpp"))
PIPELINE, SOURCE, SINK, ROUNDS, MEMORY = range(5)  # kinds of nodes, as cycles.cpp has them
WAITS = ("", "input", "readers")


class StreamRow(ctypes.Structure):
    """Describes a stream to cycles.cpp."""

    _fields_ = [
        *((name, c_int64) for name in ("frame_beats", "kept", "bytes", "pauses")),
        *((name, c_int64) for name in ("chance", "slot", "stop", "every", "phase")), ("start", c_uint64),
    ]  # fmt: skip


class NodeRow(ctypes.Structure):
    """Describes a node to cycles.cpp."""

    _fields_ = [
        *((name, c_int64) for name in ("kind", "in_count", "out_count", "latency", "stop", "work_count")),
        *((name, c_int64) for name in ("period", "room", "seen", "free", "keeps_freed")),
        *((name, c_int64) for name in ("places", "round", "turns", "reader", "pace")),
        ("times", c_int64 * 4), ("works", c_void_p),
    ]  # fmt: skip


class Numbers(ctypes.Structure):
    """Numbers that the library owns."""

    _fields_ = [("at", POINTER(c_int64)), ("count", c_int64)]

    def copy(self) -> np.ndarray:
        """They as int64 (count,)."""
        return np.ctypeslib.as_array(self.at, (self.count,)).copy() if self.count else np.zeros(0, np.int64)


SIGNATURES = {
    "new_model": (c_void_p, [c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "delete_model": (None, [c_void_p]), "run": (c_int64, [c_void_p, c_int64, c_bool]),
    "repeats_of": (Numbers, [c_void_p]), "transfers_of": (Numbers, [c_void_p, c_int64]),
    "freed_of": (Numbers, [c_void_p, c_int64]), "counts_of": (None, [c_void_p, c_void_p]),
    "works_of": (None, [c_void_p, c_void_p]),
}  # fmt: skip


@cache
def functions() -> ctypes.CDLL:
    """cycles.cpp, compiled."""
    found = load_compiled(CODE)
    for name, (gives, takes) in SIGNATURES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = gives, takes
    return found


class Graph(Protocol):
    """Operators with their rows, and the streams between them by tensor; those of `sources` come from
    outside, those of `constants` from a memory, those of `sinks` go there, those of `inner` are all others.
    """

    ops: list[HwOp]
    timings: list[Timing]
    memory: int
    streams: dict[str, Stream]
    sources: list[str]
    constants: dict[str, str]
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
        most: of frames in a row that each repeat the one before, only so many, the last ones; 0: all.
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


class Engine:
    """A graph that has run; nodes are the operators, the sources, the sinks and the fronts of operators.

    Args:
        model: what runs.
        frames: how many in all.
        pauses: of the streams, with the seed of their generators, and the lane.
        pace: cycles per frame at which sources offer their beats, 0: as soon as they can.
        watched: operators of whose streams, and of whose buffers, the cycles are kept; None all.

    Attributes:
        simulated: number of frames whose beats were moved.
        repeats: skipped frames: number of frames moved before, skipped, and of a group that repeats; then the
            cycles from a group to the next, int64 of each stream, and of each node.
        works: int64 (nodes, 4): cycles busy, starved and blocked, index of `WAITS`.
        offered, taken: beats of each stream, int64 (streams,).
    """

    def __init__(
        self, model: Graph, frames: int, pauses: tuple[Pauses, int, int], pace: int,
        watched: Collection[str] | None,
    ):  # fmt: skip
        self.model = model
        self.watched: set[str] = {op.name for op in model.ops} if watched is None else set(watched)
        self.number: dict[str, int] = {tensor: k for k, tensor in enumerate(model.streams)}
        self.kept: set[str] = {*model.sources, *model.sinks, *model.constants.values()}
        self.kept.update(*((*op.sources, *op.results) for op in model.ops if op.name in self.watched))
        self.streams = [StreamRow(one.beats, tensor in self.kept) for tensor, one in model.streams.items()]
        for tensor in model.constants.values():
            self.streams[self.number[tensor]].bytes = layout_of(model.streams[tensor]).slot
        self._pauses(*pauses)
        self.fronts: dict[int, int] = {}  # node of an operator: that of its front
        nodes, links = self._nodes(pace, pauses[0].memory)
        self.functions = functions()
        self.handle: Any = self.functions.new_model(
            (StreamRow * len(self.streams))(*self.streams), len(self.streams),
            (NodeRow * len(nodes))(*nodes), len(nodes), (c_int64 * len(links))(*links),
        )  # fmt: skip
        weakref.finalize(self, self.functions.delete_model, self.handle)
        self.simulated: Any = self.functions.run(self.handle, frames, pauses[0].any)
        row = 3 + len(self.streams) + len(nodes)
        self.repeats: Any = self.functions.repeats_of(self.handle).copy().reshape(-1, row)
        self.works = np.zeros((len(nodes), 4), np.int64)
        self.functions.works_of(self.handle, self.works.ctypes.data)
        counts = np.zeros((len(self.streams), 2), np.int64)
        self.functions.counts_of(self.handle, counts.ctypes.data)
        self.offered, self.taken = counts.T

    def _pauses(self, pauses: Pauses, seed: int, lane: int) -> None:
        """What streams draw, see sim/stream.cpp."""
        model = self.model
        inner = pauses.inner or (Pause(),) * len(model.inner)
        for side, tensors, given in (
            ("in", model.sources, (pauses.source,) * len(model.sources)),
            ("out", model.sinks, (pauses.sink,) * len(model.sinks)),
            ("inner", model.inner, inner),
        ):
            for k, (tensor, pause) in enumerate(zip(tensors, given, strict=True)):
                row = self.streams[self.number[tensor]]
                numbers = pause.numbers(generator_start(seed, lane, k, side))
                row.pauses = pause.any
                row.chance, row.slot, row.stop, row.every, row.phase, row.start = numbers

    def _nodes(self, pace: int, memory: tuple[int, ...]) -> tuple[list[NodeRow], list[int]]:
        """The nodes, and the numbers of their streams, those in before those out, node by node."""
        model, number = self.model, self.number
        constants = [number[tensor] for tensor in model.constants.values()]
        first = len(model.ops) + len(model.sources) + len(model.sinks) + bool(constants)
        fronts: list[NodeRow] = []
        front_links: list[list[int]] = []
        nodes, links = [], []
        sources = [NodeRow(SOURCE, 0, 1, pace=pace) for _ in model.sources]
        for node, (op, timing) in enumerate(zip(model.ops, model.timings)):
            into, out = ([number[tensor] for tensor in tensors] for tensors in (op.sources, op.results))
            kept = op.name in self.watched
            into += [number[model.constants[op.name]]] if op.name in model.constants else []
            if timing.front:
                self.streams.append(StreamRow(op.in_stream().beats))
                between = [len(self.streams) - 1]
                fronts.append(node_row(timing.front, into, between, kept, node))
                front_links.append([*into, *between])
                self.fronts[node], into = first + len(front_links) - 1, between
            nodes.append(node_row(timing, into, out, kept))
            links.append([*into, *out])
        nodes += [*sources, *(NodeRow(SINK, 1, 0) for _ in model.sinks)]
        links += [[number[tensor]] for tensor in (*model.sources, *model.sinks)]
        if constants:
            nodes.append(NodeRow(MEMORY, 0, len(constants), times=(c_int64 * 4)(*memory)))
            links.append(constants)
        nodes, links = nodes + fronts, links + front_links
        return nodes, list(chain.from_iterable(links))

    def spent(self) -> list[list[int]]:
        """The rows of `works` of the operators; cycles of a front that works in rounds are its operator's."""
        rounds = {node for node, one in enumerate(self.model.timings) if one.front and one.front.rounds}
        found = [node if node not in rounds else self.fronts[node] for node in range(len(self.model.ops))]
        return self.works[found].tolist()

    def transfers(self) -> dict[str, np.ndarray]:
        """{tensor: cycles of its transfers in moved frames}, of those that are kept."""
        numbers = {tensor: k for tensor, k in self.number.items() if tensor in self.kept}
        return {tensor: self.functions.transfers_of(self.handle, k).copy() for tensor, k in numbers.items()}

    @property
    def stopped(self) -> bool:
        """Whether beats are left that cannot move."""
        return any(beats != self.simulated * row.frame_beats for beats, row in zip(self.taken, self.streams))

    def waits(self) -> list[str]:
        """What the operators wait for."""
        return [WAITS[wait] for wait in self.works[: len(self.model.ops), 3]]

    def waited_for(self) -> dict[str, list[str]]:
        """{operator: those that have not taken what it offers, or have not offered what it needs}."""
        pending = self.offered != self.taken
        readers = {tensor: op.name for op in self.model.ops for tensor in op.sources}
        writers = {tensor: op.name for op in self.model.ops for tensor in op.results}
        found: dict[str, list[str]] = {}
        for op, wait in zip(self.model.ops, self.waits()):
            at_input = wait == "input"
            tensors, others = (op.sources, writers) if at_input else (op.results, readers)
            missing = [tensor for tensor in tensors if pending[self.number[tensor]] != at_input]
            found[op.name] = [others[tensor] for tensor in missing if tensor in others]
        return found

    def fills(self, transfers: dict[str, np.ndarray]) -> dict[str, int]:
        """{operator: most beats in its buffer}, of those that have one and are watched."""
        found: dict[str, int] = {}
        for node, (op, timing) in enumerate(zip(self.model.ops, self.model.timings)):
            timing = timing.front or timing
            if op.name not in self.watched or not timing.buffer:
                continue
            written, given = (self._last(transfers[one], one) for one in (op.sources[0], op.results[0]))
            if timing.buffer.seen:
                cycles, freed = self._freed(self.fronts.get(node, node), timing, op.in_stream().beats)
            else:  # of a skid, in both registers
                cycles, freed = given + 1, np.arange(1, len(given) + 1)
            left = np.concatenate([[0], freed])[np.searchsorted(cycles, written, side="right")]
            found[op.name] = int((np.arange(1, len(written) + 1) - left).max(initial=0))
        return found

    def _between(self, column: int) -> list[tuple[int, ...]]:
        """Skipped frames before simulation went on, with the period in a column of `repeats`."""
        rows = self.repeats[self.repeats[:, 0] < self.simulated]
        return [(after, frames, 1, period) for after, frames, period in rows[:, [0, 1, 3 + column]].tolist()]

    def _last(self, cycles: np.ndarray, tensor: str) -> np.ndarray:
        """Transfer cycles of a stream, with the last skipped frames, which set a buffer's fill."""
        number = self.number[tensor]
        beats = int(self.streams[number].frame_beats)
        return with_repeats(cycles, beats, self._between(number), self.model.memory)

    def _freed(self, node: int, timing: Timing, beats: int) -> tuple[np.ndarray, np.ndarray]:
        """Cycles in which a buffer frees room, and how many beats have left it then; `beats` in a frame."""
        buffer = timing.buffer
        assert buffer
        room, cycles = self.functions.freed_of(self.handle, node).copy().reshape(-1, 2).T
        each = beats // buffer.period * sum(work.frees > 0 for work in timing.works)
        cycles = with_repeats(cycles, each, self._between(len(self.streams) + node), self.model.memory)
        # Every frame frees what the first one did.
        frames = np.arange(-(-len(cycles) // each))[:, np.newaxis] * beats
        return cycles, (room[:each] - buffer.room + frames).ravel()


def node_row(timing: Timing, into: list[int], out: list[int], keeps_freed: bool, reader: int = 0) -> NodeRow:
    """Describes a pipeline; `reader` is the node behind one that works in rounds."""
    row = NodeRow(PIPELINE, len(into), len(out), timing.latency, timing.stop, len(timing.table))
    row.works = timing.table.ctypes.data
    if timing.buffer:
        buffer = timing.buffer
        row.period, row.room, row.seen, row.free = buffer.period, buffer.room, buffer.seen, buffer.free
        row.keeps_freed = keeps_freed
    if timing.rounds:
        rounds = timing.rounds
        row.kind, row.reader = ROUNDS, reader
        row.places, row.round, row.turns = rounds.places, rounds.moves, rounds.turns
    return row
