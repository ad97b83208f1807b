"""The timing of an operator as a table: its `timing()` states it, and `hw/cycles` evaluates it.

An operator is a pipeline whose stages are advanced by one enable. In every cycle in which it advances it does
one *step*, or no step if the step's condition is not met. Data has no influence: steps have a fixed order,
which repeats after a *period* (a vector, a row, a frame). A step's beat is offered `latency` moves after it.

With an input buffer, a step needs a number of beats in it and frees room. Without one, a step takes its beats
from the streams directly, and their ready is the enable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

NEEDS, STEPS, FREES = 3, 4, 7  # columns of `Work.row`
RUNNING = 4  # most beats beyond its latency that an operator has produced and not yet delivered


class Stop(IntEnum):
    """When the stages stall for an output beat that is offered in cycle v and accepted in cycle x.

    READER: v .. x - 1: the enable is the reader's ready.
    SPARE: v + 1 .. x: a spare register holds the beat meanwhile (hw/rtl/xf_spare.sv).
    RESULT: from the cycle in which the next beat would be produced, up to x (hw/rtl/xf_result.sv, Apart = 1).
    GIVEN: v .. x: the output register also accumulates.
    BEHIND: while the register before the output register, which advances on its own, cannot pass its beat on.
    ROUND: before the last advance of a round, see `Rounds`."""

    READER = 0
    SPARE = 1
    RESULT = 2
    GIVEN = 3
    BEHIND = 4
    ROUND = 5


@dataclass(frozen=True)
class Work:
    """A number of equal consecutive steps.

    Attributes:
        steps: number of steps.
        moves: advances of the pipeline per step.
        gives: whether each step produces a beat on every output stream.
        takes: input streams from which each step takes a beat, all in the same cycle.
        sees: input streams on which a beat must be offered, but is not taken.
        early: whether the beat is taken as soon as it is offered, without an advance of the pipeline.
        needs: beats of the period that must be in the buffer before the first step; 0: none.
        frees: beats of the period whose room is free after the last step; 0: no more than before.
        shuts: whether the buffer accepts no beat after the last step, until the next step that frees room.
    """

    steps: int = 1
    moves: int = 1
    gives: bool = True
    takes: tuple[int, ...] = ()
    sees: tuple[int, ...] = ()
    early: bool = False
    needs: int = 0
    frees: int = 0
    shuts: bool = False

    def row(self) -> list[int]:
        """As a row of the model's table."""
        streams = (sum(1 << stream for stream in given) for given in (self.takes, self.sees))
        return [*streams, self.early, self.needs, self.steps, self.moves, self.gives, self.frees, self.shuts]


@dataclass(frozen=True)
class Buffer:
    """The input buffer of a pipeline.

    Attributes:
        period: input beats per period.
        room: beats that can be written after reset before any is read.
        seen: cycles from the transfer of a beat to the first step that can use it.
        free: cycles from the step that frees a place to the first transfer of another beat into it.
        needed: returns what each step of a period needs, int64 (steps,), where no work states it.
        listed: whether records list it beside the FIFOs.
        even: whether it holds so much that no neighbour waits for it if both take a frame's time.
    """

    period: int
    room: int
    seen: int = 1
    free: int = 1
    needed: Callable[[], np.ndarray] | None = None
    listed: bool = False
    even: bool = False


@dataclass(frozen=True)
class Rounds:
    """A pipeline that works in rounds while its results wait to be read.

    A step occupies one of `places` for a round of `moves` advances. The last advance of a round waits until
    all results of the round `turns` before the next one have been read."""

    places: int
    moves: int
    turns: int


@dataclass(frozen=True)
class Timing:
    """The timing of an operator in the cycle model.

    Attributes:
        works: one period of steps.
        latency: advances from a step to the cycle in which its beat is offered.
        stop: when the pipeline stalls.
        buffer: the buffer of its only input stream, if any.
        front: a pipeline before the buffer, if any; it returns as many beats as it takes.
        rounds: for a front that works in rounds: a beat that it takes occupies a place, and counts as read
            when the steps for it are done.
        paced: whether beats of a period leave evenly spaced, at a pace of its own.
    """

    works: Sequence[Work]
    latency: int
    stop: Stop
    buffer: Buffer | None = None
    front: "Timing | None" = None
    rounds: Rounds | None = None
    paced: bool = False

    @cached_property
    def table(self) -> np.ndarray:
        """The works as a table, int64 (rows, 9); a row for each number of beats that steps of a work need."""
        rows = np.array([work.row() for work in self.works], np.int64)
        if self.buffer is None or self.buffer.needed is None:
            return rows
        needs, ends = self.buffer.needed(), rows[:, STEPS].cumsum()
        starts = np.union1d(np.flatnonzero(np.diff(needs, prepend=-1)), ends[:-1])
        work = np.searchsorted(ends, starts, side="right")
        found = rows[work]
        found[:, NEEDS], found[:, STEPS] = needs[starts], np.diff(starts, append=ends[-1])
        found[:-1, FREES] *= np.diff(work) > 0
        return found

    @property
    def waiting(self) -> Buffer | None:
        """The buffer at its input, if any."""
        return self.buffer or (self.front and self.front.buffer)

    def interval(self, taken: int, given: int) -> int:
        """Cycles between frames of so many beats in and out where neither side stalls: beats, or advances and
        stalls of its own; where a single beat is held, from one to the next."""
        found = [taken, given, self.front.interval(taken, taken) if self.front else 0]
        if self.rounds:
            return max(*found, taken // self.rounds.places * self.rounds.moves)
        moves = [work.steps * work.moves * (not work.early) for work in self.works]
        gives = sum(work.steps * work.gives for work in self.works)
        found.append((sum(moves) + gives * (self.stop == Stop.GIVEN)) * given // gives)
        if self.buffer and self.buffer.period == self.buffer.room == 1:
            last = next(k for k, work in enumerate(self.works) if work.frees)
            found.append((self.buffer.seen + sum(moves[: last + 1]) - 1 + self.buffer.free) * taken)
        return max(found)

    @cached_property
    def least(self) -> "Timing":
        """The same with room for no more beats than there is whenever they come.

        Stages with one enable hold several beats only if these come one after the other: else they stall with
        empty stages between them, and a spare register is filled in front of an empty stage. Rounds that pass
        without a beat likewise leave no room for others."""
        latency = min(self.latency, 2 if self.stop in (Stop.RESULT, Stop.BEHIND) else 1)
        stop = Stop.READER if self.stop == Stop.SPARE else self.stop
        row = replace(self, latency=latency, stop=stop, front=self.front and self.front.least)
        if self.buffer and self.front and self.front.rounds:
            row = replace(row, buffer=replace(self.buffer, room=self.buffer.period), front=None)
        return row

    def until_result(self) -> int | None:
        """Cycles from the first beat taken to the first one given, at full rate; None without one."""
        before = (self.front and self.front.until_result()) or 0
        now, taken = before - 1, 0
        for row in self.table:
            takes, sees, early, needs, steps, moves, gives, *_ = row.tolist()
            steps, start = 1 if gives else steps, now + 1
            if self.buffer:
                start = max(start, before + needs - 1 + self.buffer.seen if needs else 0)
            elif early:
                now, taken = max(now, before + taken), taken + 1
                continue
            elif takes or sees:
                start, taken = max(start, before + taken), taken + steps
            now = start + steps * moves - 1
            if gives:
                return now + self.latency if takes or not sees else None
        return None

    def needs(self, port: int, beats: int) -> np.ndarray:
        """Beats of an input stream that must have been taken before each of so many output beats leaves."""
        takes, sees, _, needs, steps, _, gives, *_ = self.table.T
        if self.buffer and not port:
            period, found = self.buffer.period, np.repeat(np.maximum.accumulate(needs), steps * gives)
        else:
            taken, seen = (np.repeat(one >> port & 1, steps) for one in (takes, sees))
            period, found = taken.sum(), (taken.cumsum() + (seen & ~taken))[np.repeat(gives, steps) > 0]
        periods = np.arange(beats // len(found))[:, np.newaxis] * period
        return np.maximum.accumulate((periods + found).ravel())

    def memory(self, taken: int, given: int) -> int:
        """Number of earlier frames, of these beats in and out, that a step's cycle can depend on."""
        buffered = self.buffer.room + self.buffer.period if self.buffer else 0
        before = self.front.memory(taken, taken) if self.front else 0
        return max(-(-buffered // taken), -(-(self.latency + RUNNING) // given), before)


SKID = Timing([Work(needs=1, frees=1)], 1, Stop.READER, Buffer(1, 1, seen=0))


def fifo(depth: int, block: bool) -> Timing:
    """A FIFO: memory, register of the block RAM if any, output register; up to two beats a skid."""
    if depth <= 2:
        return replace(SKID, buffer=Buffer(1, 1, seen=0, listed=True))
    latency, stop = (2, Stop.BEHIND) if block else (1, Stop.READER)
    return Timing([Work(needs=1, frees=1)], latency, stop, Buffer(1, depth, listed=True))


def beat_for_beat(latency: int, stop: Stop = Stop.SPARE) -> Timing:
    """One output beat per input beat, `latency` advances later."""
    return Timing([Work(takes=(0,))], latency, stop)


def some_given(given: np.ndarray, latency: int) -> Timing:
    """Takes every beat, returns those for which `given`, bool (beats of a period,), is set."""
    return Timing(works_of(given, True), latency, Stop.SPARE)


def works_of(gives: ArrayLike, takes: ArrayLike, sees: ArrayLike = False) -> list[Work]:
    """The works of steps that each give, take from the only input, or see it, bool (steps,)."""
    steps = np.stack(np.broadcast_arrays(gives, takes, sees))
    edges = np.flatnonzero((np.diff(steps, prepend=~steps[:, :1], append=~steps[:, -1:])).any(0)).tolist()
    return [
        Work(end - at, gives=give, takes=(0,) * take, sees=(0,) * see)
        for at, end, (give, take, see) in zip(edges, edges[1:], steps.T[edges[:-1]].tolist())
    ]


def folded_vectors(beats: int, passes: int, latency: int) -> Timing:
    """Vectors of `beats` beats, read `passes` times for a beat each (xf_replay.sv, xf_result.sv)."""
    works = [Work(beats - 1, gives=False), Work(), Work(passes - 1, moves=beats)]
    works = [work for work in works if work.steps]
    works[-1] = replace(works[-1], frees=beats)
    stop = Stop.RESULT if beats > 1 else Stop.SPARE
    buffer = Buffer(
        beats, 2 * beats, needed=lambda: np.pad(1 + np.arange(beats), (0, passes - 1)), listed=True
    )
    return Timing(works, latency, stop, buffer, paced=True)
