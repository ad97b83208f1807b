"""The cycle model: the cycle in which every beat of every stream of a folded graph is transferred, exactly as
in its RTL, without simulating the RTL.

Timing does not depend on data, so an operator is a table of steps (its `timing()`, see
`xnorforge.hw.timing`), and cycles.cpp moves the beats of all operators. Without pauses it stops as soon
as every part of the network repeats itself, and skips the frames that would repeat.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import networkx as nx
import numpy as np

from xnorforge.hw import graph, timing
from xnorforge.hw.cycles.engine import Engine, with_repeats
from xnorforge.hw.cycles.pauses import Pauses, Stall
from xnorforge.hw.ops.base import HwOp


@dataclass(frozen=True)
class Work:
    """How an operator spends the cycles of a run.

    Attributes:
        busy: cycles in which its pipeline does a step.
        starved: cycles in which it waits for input.
        blocked: cycles in which it waits for its readers.
        fill: highest number of beats in its buffer; None without a buffer, and if the cycles of its streams
            are not kept.
        waits: "input" or "readers", what it waits for at the end.
    """

    busy: int
    starved: int
    blocked: int
    fill: int | None
    waits: str


@dataclass(frozen=True)
class Repeat:
    """Frames that repeat those before them and are skipped.

    Attributes:
        after: number of frames simulated before.
        frames: number of skipped frames.
        together: length of the repeating group, in frames.
        periods: {tensor: cycles from a beat to the same beat of the next group}.
    """

    after: int
    frames: int
    together: int
    periods: dict[str, int]


@dataclass(frozen=True)
class Course:
    """The result of a run.

    Attributes:
        moved: {tensor: cycle of the transfer of every beat, int64 (beats,)} for the simulated frames and the
            streams whose cycles are kept; fewer than all in a deadlock.
        stopped: whether beats are left that cannot move, that is, a deadlock.
        simulated: number of simulated frames.
        frames: number of requested frames.
        repeats: the skipped frames, in order.
        beats: {tensor: beats of a frame}.
        result: tensor of the first output stream.
        given: tensor of the first input stream.
        operators: {name: Work} in all frames.
        waiting: {operator: operators it is blocked on at the end}.
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
        """{operator: what it waits for, "input" or "readers"} in a deadlock; empty without one."""
        return {name: work.waits for name, work in self.operators.items()} if self.stopped else {}

    @property
    def ring(self) -> list[str]:
        """Operators of a deadlock, a ring in which each waits for the next one; empty if there is none."""
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
        """Cycles per frame in the steady state: the gap if the last three are equal, else all gaps."""
        last = self.gaps[-3:]
        return None if not last else last[0] if len(set(last)) == 1 else self.gaps

    @property
    def latency(self) -> int | None:
        """Cycles from the first input beat to the first output beat; None if none left."""
        return self._until(0)

    @property
    def answer(self) -> int | None:
        """Cycles from the first input to the last output of the first frame; None if it did not leave."""
        return self._until(self.beats[self.result] - 1)

    def _until(self, beat: int) -> int | None:
        given = self.moved[self.result]
        return int(given[beat] - self.moved[self.given][0]) if beat < len(given) else None


class CycleModel:
    """The cycle model of a folded graph, or of operators outside a graph.

    Args:
        ops: operators in stream order.
        rows: {operator: its row}, of those whose rows are known.
        memory: whether constants from outside are streams; a run then has a memory that they come from.
    """

    def __init__(self, ops: list[HwOp], rows: dict[str, timing.Timing] | None = None, memory: bool = False):
        self.ops = ops
        outside = graph.outside(ops) if memory else []
        self.constants: dict[str, str] = {op.name: f"{op.name}_weights" for op, _ in outside}
        known = (rows or {}) | {op.name: op.reading() for op, _ in outside}
        self.timings = [known.get(op.name) or op.timing() for op in ops]
        ins, outs = [op.in_streams() for op in ops], [op.out_streams() for op in ops]
        given = list(chain.from_iterable(map(zip, (op.sources for op in ops), ins)))
        made = list(chain.from_iterable(map(zip, (op.results for op in ops), outs)))
        makers, readers = dict(made), dict(given)
        self.streams = readers | makers | {self.constants[op.name]: stream for op, stream in outside}
        self.sources: list[str] = [tensor for tensor, _ in given if tensor not in makers]
        self.sinks: list[str] = [tensor for tensor, _ in made if tensor not in readers]
        self.inner: list[str] = [tensor for tensor, _ in made if tensor in readers]
        # No cycle depends on those of a frame so many frames before, or earlier.
        self.memory: int = 1 + max(
            row.memory(taken[0].beats, min(stream.beats for stream in left))
            for row, taken, left in zip(self.timings, ins, outs, strict=True)
        )

    def run(
        self, frames: int, stall: Stall = 0.0, seed: int = 0, lane: int = 0, pace: int = 0,
        watched: Collection[str] | None = None,
    ) -> Course:  # fmt: skip
        """Send frames back to back through the operators.

        Args:
            frames: number of frames.
            stall: pauses, as for `sim.cosim.run`.
            seed: seed of the pauses, which equal those of `sim.cosim.run`.
            lane: lane of the operators on a bench, which has its own pauses.
            pace: cycles per frame at which sources without pauses offer their beats evenly; 0: as soon as
                possible.
            watched: operators whose fill and stream cycles are kept, in addition to the streams at both ends.
                None: all, which takes twice as long for many beats.
        """
        ran = Engine(self, frames, (Pauses.of(stall), seed, lane), pace, watched)
        moved = ran.transfers()
        fills, waits = ran.fills(moved), ran.waits()
        operators = {
            op.name: Work(busy, starved, blocked, fills.get(op.name), wait)
            for op, (busy, starved, blocked, _), wait in zip(self.ops, ran.spent(), waits)
        }
        repeats = [
            Repeat(after, skipped, together, dict(zip(self.streams, periods)))
            for after, skipped, together, *periods in ran.repeats.tolist()
        ]
        beats = {tensor: stream.beats for tensor, stream in self.streams.items()}
        first = (self.sources[0], self.sinks[0])
        total = ran.simulated + sum(repeat.frames for repeat in repeats)
        state = (moved, ran.stopped, ran.simulated, total, repeats)
        return Course(*state, beats, *first, operators, ran.waited_for())
