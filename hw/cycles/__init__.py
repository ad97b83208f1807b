"""The cycle model: in which cycle every beat of every stream of a folded graph is transferred, exactly as in
its RTL, without simulating it.

Values decide nothing about time, so an operator is a table of steps (`cycles.py` of its folder, see
`xnorforge.hw.ops._timing`), and one compiled kernel moves the beats of all of them. Where nothing pauses, it
does so until every part of the network repeats itself, and leaves out the frames that do so.
"""

from collections.abc import Collection
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from functools import cached_property

import networkx as nx
import numpy as np

from xnorforge.hw.cycles.pauses import Pauses
from xnorforge.hw.cycles.tables import UNLIMITED, Tables, with_repeats
from xnorforge.hw.ops import _timing, part
from xnorforge.hw.ops.base import HwOp


@dataclass(frozen=True)
class Work:
    """What an operator does in the cycles of a run.

    Attributes:
        busy: cycles in which its pipeline does a step.
        starved: cycles in which it could and waits for input.
        blocked: cycles in which it stands still for its readers.
        fill: most beats in its buffer right after a transfer into it; None without a buffer, and where cycles
            of its streams are not kept.
        waits: "input" or "readers", what it waits for at the end.
    """

    busy: int
    starved: int
    blocked: int
    fill: int | None
    waits: str


@dataclass(frozen=True)
class Repeat:
    """Frames that are like those before them.

    Attributes:
        after: so many frames that were moved come before.
        frames: how many.
        together: so many frames are repeated, one behind the other.
        periods: {tensor: cycles from one of its beats to the same one so many frames later}.
    """

    after: int
    frames: int
    together: int
    periods: dict[str, int]


@dataclass(frozen=True)
class Course:
    """What the model finds.

    Attributes:
        moved: {tensor: cycle of the transfer of every beat, int64 (beats,)} of the frames that were moved
            beat by beat; fewer than all in a deadlock; of streams whose cycles are kept.
        stopped: whether beats are left that nothing can move any more.
        simulated: how many frames these are.
        frames: how many were given.
        repeats: those that were not moved, in order.
        beats: {tensor: beats of a frame}.
        result: the tensor the first stream out carries.
        given: the tensor the first stream in carries.
        operators: {name: Work} in all frames.
        waiting: {operator: those whose reading or giving it waits for at the end}.
        last: {name: cycles that the last moved frame added to Work's (busy, starved, blocked)}; where nothing
            pauses.
    """

    moved: dict[str, np.ndarray]
    stopped: bool
    simulated: int
    frames: int
    repeats: list[Repeat]
    beats: dict[str, int]
    given: str
    result: str
    operators: dict[str, Work]
    waiting: dict[str, list[str]]
    last: dict[str, tuple[int, int, int]]

    @cached_property
    def taken(self) -> dict[str, np.ndarray]:
        """{tensor: cycle of the transfer of every beat, int64 (beats,)}; fewer than all in a deadlock."""
        return {tensor: self.transfers(tensor) for tensor in self.moved}

    def transfers(self, tensor: str) -> np.ndarray:
        """`taken` of one tensor."""
        return with_repeats(self.moved[tensor], self.beats[tensor], self._repeats(tensor))

    def _repeats(self, tensor: str) -> list[tuple[int, ...]]:
        return [(one.after, one.frames, one.together, one.periods[tensor]) for one in self.repeats]

    @property
    def deadlock(self) -> dict[str, str]:
        """{operator: what it waits for, "input" or "readers"} where beats are left that nothing can move any
        more; empty where every beat of every stream came.
        """
        return {name: work.waits for name, work in self.operators.items()} if self.stopped else {}

    @property
    def ring(self) -> list[str]:
        """Operators of a deadlock of which each waits for the next one, and the last for the first; empty
        where there is none.
        """
        graph = nx.DiGraph((name, other) for name, others in self.waiting.items() for other in others)
        if not self.deadlock or nx.is_directed_acyclic_graph(graph):
            return []
        names = [name for name, _ in nx.find_cycle(graph)]
        first = min(range(len(names)), key=lambda k: list(self.operators).index(names[k]))
        return names[first:] + names[:first]

    @property
    def gaps(self) -> list[int]:
        """Cycles between the last beats of consecutive frames."""
        ends = self.moved[self.result][self.beats[self.result] - 1 :: self.beats[self.result]]
        return np.diff(with_repeats(ends, 1, self._repeats(self.result))).tolist()

    @property
    def interval(self) -> int | list[int] | None:
        """Cycles per frame in the steady state: the gap, where the last three agree, else the list of
        gaps.
        """
        last = self.gaps[-3:]
        return None if not last else last[0] if len(set(last)) == 1 else self.gaps

    @property
    def latency(self) -> int | None:
        """Cycles from the first input beat to the first output beat; None where none came."""
        return self._until(0)

    @property
    def answer(self) -> int | None:
        """Cycles from the first input beat to the last output beat of the first frame; None where it did not
        come.
        """
        return self._until(self.beats[self.result] - 1)

    def _until(self, beat: int) -> int | None:
        given = self.moved[self.result]
        return int(given[beat] - self.moved[self.given][0]) if beat < len(given) else None


class CycleModel:
    """The tables of a folded graph, or of operators that stand alone.

    Args:
        ops: in stream order.
        bench: they stand on the operator bench: nothing travels beside their streams, so no frame waits for
            flags.

    Raises:
        UserError: an operator has no row; the text names it.
    """

    def __init__(self, ops: list[HwOp], bench: bool = False):
        self.ops = ops
        rows = [_timing.row_of(op, part(op, "cycles")) for op in ops]
        self.timings = [replace(row, ahead=None) for row in rows] if bench else rows
        given = [(t, s) for op in ops for t, s in zip(op.sources, op.in_streams())]
        made = [(t, s) for op in ops for t, s in zip(op.results, op.out_streams())]
        self.streams = dict(given) | dict(made)
        self.sources = [tensor for tensor, _ in given if tensor not in dict(made)]
        self.sinks = [tensor for tensor, _ in made if tensor not in dict(given)]
        self.inner = [tensor for tensor, _ in made if tensor in dict(given)]
        # No cycle depends on those of a frame so many frames before, or earlier.
        self.memory = max(map(self.remembered, range(len(ops))))

    def with_operator(self, index: int, op: HwOp) -> "CycleModel":
        """The same with one operator in place of one that has the same streams."""
        other = copy(self)
        other.ops = [*self.ops[:index], op, *self.ops[index + 1 :]]
        row = _timing.row_of(op, part(op, "cycles"))
        other.timings = [*self.timings[:index], row, *self.timings[index + 1 :]]
        other.memory = max(self.memory, other.remembered(index))
        return other

    def with_depth(self, index: int, depth: int) -> "CycleModel":
        """The same with another depth of a FIFO."""
        fifo = deepcopy(self.ops[index])
        fifo.set_nodeattr("depth", depth)
        return self.with_operator(index, fifo)

    def remembered(self, index: int) -> int:
        """So many frames before one of its cycles, none matters to an operator."""
        op, given = self.ops[index], min(stream.beats for stream in self.ops[index].out_streams())
        return 1 + self.timings[index].memory(op.in_stream().beats, given)

    def run(
        self,
        frames: int,
        stall=0.0,
        seed: int = 0,
        lane: int = 0,
        pace: int = 0,
        watched: Collection[str] | None = None,
    ) -> Course:
        """Send frames back to back through the operators.

        Args:
            frames: how many.
            stall: pauses, as `sim.cosim.run` takes them.
            seed: of the pauses, which are those of `sim.cosim.run` with this seed.
            lane: on which lane of a bench the operators stand; its pauses are its own.
            pace: cycles per frame at which sources that do not pause offer their beats evenly; 0 as soon as
                they can.
            watched: operators of whose streams the cycles are kept, and how full they were; besides, those of
                the streams at the ends. None: all, which takes twice as long where there are many beats.
        """
        pauses = Pauses.of(stall)
        tables = Tables(self, frames, pace, not pauses.any, watched)
        if pauses.any:
            tables.pauses(pauses, seed, lane)
            tables.send(frames)
            return self._course(tables, frames, [], tables.spent())
        repeats: list[Repeat] = []
        sent, left, skipped = 0, frames, np.zeros((len(self.ops), 3), np.int64)
        spent = [tables.spent()]  # up to each frame
        while left:
            sent, left = sent + 1, left - 1
            tables.send(sent)
            spent.append(tables.spent())
            found = tables.periods(sent)
            if found is None or not left:
                continue
            together, of_streams, of_nodes = found
            many = tables.repeats(*found)
            last = many == UNLIMITED
            many = left if last else min(many, left - 1)  # buffers are fullest at the end
            if many:
                rounds, rest = divmod(many, together)
                skipped = skipped + rounds * (spent[sent] - spent[sent - together])
                skipped = skipped + spent[sent - together + rest] - spent[sent - together]
                repeats.append(Repeat(sent, many, together, dict(zip(self.streams, of_streams.tolist()))))
                left -= many
                if not last:
                    tables.skip(sent, many, of_streams, of_nodes)
        return self._course(tables, sent, repeats, spent[-2], skipped)

    def _course(self, tables: Tables, sent: int, repeats: list[Repeat], before, skipped=0) -> Course:
        """What is in the tables when so many frames were sent; the cycles spent before the last of them, and
        in those that were not moved.
        """
        spent, fills = tables.spent(), tables.fills()
        each = spent - before
        total = spent + skipped
        names = [op.name for op in self.ops]
        operators = {
            name: Work(busy, starved, blocked, fills.get(name), waits)
            for name, (busy, starved, blocked), waits in zip(names, total.tolist(), tables.waits())
        }
        last = dict(zip(names, map(tuple, each.tolist())))
        beats = {tensor: stream.beats for tensor, stream in self.streams.items()}
        first = (self.sources[0], self.sinks[0])
        waiting, frames = tables.waited_for(), sent + sum(repeat.frames for repeat in repeats)
        moved, stopped = tables.taken(), tables.stopped(sent)
        return Course(moved, stopped, sent, frames, repeats, beats, *first, operators, waiting, last)
