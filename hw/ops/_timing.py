"""When an operator takes and gives beats, as tables: what `cycles.py` of an operator's folder states and the
cycle model (`hw/cycles`) computes with.

An operator is a pipeline whose stages one enable moves. In every cycle in which they move it does one *step*,
or none where the step's condition is not met. Values decide nothing: steps follow each other in a fixed
order, which repeats after a *period* (a vector, a row, a frame). A beat is given `latency` moves after
its step.

Where input goes through a buffer, a step needs so many beats in it and frees room. Else a step takes its
beats from the streams themselves, and their ready is the enable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from types import ModuleType

import numpy as np

from xnorforge.core.errors import UserError

RUNNING = 4  # beats beyond its latency that an operator can have made and not given, at most


class Stop(IntEnum):
    """When the stages stand still for an output beat that is offered in cycle v and taken in cycle x.

    READER: v .. x - 1: the enable is the reader's ready.
    SPARE: v + 1 .. x: a spare register takes the beat meanwhile (hw/rtl/xf_spare.sv).
    RESULT: while the next beat would be made, up to x (hw/rtl/xf_result.sv, Apart = 1).
    GIVEN: v .. x: the output register is the one that collects.
    BEHIND: a register in front of the output one moves on its own; while its beat cannot move on.
    ROUND: before the last move of a round, as `Rounds` says.
    """

    READER = 0
    SPARE = 1
    RESULT = 2
    GIVEN = 3
    BEHIND = 4
    ROUND = 5


@dataclass(frozen=True)
class Work:
    """Equal steps one after the other.

    Attributes:
        steps: how many.
        moves: of the pipeline, for each step.
        gives: whether each ends with a beat given on every stream out.
        takes: streams in of which each takes a beat, all in the same cycle.
        sees: streams in of which a beat must be offered, and stays there.
        early: the beat is taken as soon as it is offered, and no move of the pipeline is needed.
        needs: beats of the period that must be in the buffer before the first step; 0 none.
        frees: beats of the period whose room is free after the last step; 0: no more than before.
        shuts: after the last step none of it is, until the next step that frees some.
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
    """What stands in front of the pipeline.

    Attributes:
        period: beats of input per period.
        room: beats that can be written after reset, none being read.
        seen: cycles from the transfer of a beat to the first step that can use it.
        free: cycles from the step that frees its place to the first transfer of another one into it.
    """

    period: int
    room: int
    seen: int = 1
    free: int = 1


@dataclass(frozen=True)
class Rounds:
    """A pipeline that goes round while what it made waits to be read.

    A step holds one of `places` for a round of `moves`. The last move of a round stands still until all that
    steps of the round `turns` before the next one made is read.
    """

    places: int
    moves: int
    turns: int


@dataclass(frozen=True)
class Timing:
    """An operator's row of the cycle model.

    Attributes:
        works: one period of steps.
        latency: moves from a step to the cycle in which its beat is offered.
        stop: when the pipeline stands still.
        buffer: of the one stream in, if there is one.
        front: what that stream passes before, if anything; it gives as many beats as it takes.
        ahead: so many frames may have begun to enter the network whose last step here is not done; None any
            number.
        rounds: of a front that stops by rounds: a beat it takes holds a place, and is read when the row's
            steps for it are done.
    """

    works: Sequence[Work]
    latency: int
    stop: Stop
    buffer: Buffer | None = None
    front: "Timing | None" = None
    ahead: int | None = None
    rounds: Rounds | None = None

    @cached_property
    def table(self) -> np.ndarray:
        """The works, int64 (works, 9)."""
        return np.array([work.row() for work in self.works], np.int64)

    def memory(self, taken: int, given: int) -> int:
        """Frames of so many beats in and out before a step, on whose cycles its own can depend."""
        buffered = self.buffer.room + self.buffer.period if self.buffer else 0
        before = self.front.memory(taken, taken) if self.front else 0
        return max(-(-buffered // taken), -(-(self.latency + RUNNING) // given), before, self.ahead or 0)


SKID = Timing([Work(needs=1, frees=1)], 1, Stop.READER, Buffer(1, 1, seen=0))


def fifo(depth: int, block: bool) -> Timing:
    """A beat passes the memory, the register of a block RAM, the output register (hw/rtl/xf_fifo.sv, more
    than two beats).
    """
    latency, stop = (2, Stop.BEHIND) if block else (1, Stop.READER)
    return Timing([Work(needs=1, frees=1)], latency, stop, Buffer(1, depth))


def beat_for_beat(latency: int, stop: Stop = Stop.SPARE) -> Timing:
    """Every beat that is taken gives one, `latency` moves later."""
    return Timing([Work(takes=(0,))], latency, stop)


def some_given(given: np.ndarray, latency: int) -> Timing:
    """Every beat is taken, those leave for which `given`, bool (beats of a period,), is set, with a spare
    register.
    """
    changes = np.flatnonzero(np.diff(given)) + 1
    edges = [0, *changes.tolist(), len(given)]
    works = [Work(steps=b - a, gives=bool(given[a]), takes=(0,)) for a, b in pairwise(edges)]
    return Timing(works, latency, Stop.SPARE)


def folded_vectors(beats: int, passes: int, latency: int) -> Timing:
    """A vector of `beats` beats is read `passes` times, each pass gives a beat (hw/rtl/xf_replay.sv in front
    of hw/rtl/xf_result.sv).
    """
    first = [Work(gives=k == beats, needs=k) for k in range(1, beats + 1)]
    if passes > 1:
        works = [*first, Work(steps=passes - 1, moves=beats, frees=beats)]
    else:
        works = [*first[:-1], Work(needs=beats, frees=beats)]
    stop = Stop.RESULT if beats > 1 else Stop.SPARE
    return Timing(works, latency, stop, Buffer(beats, 2 * beats))


def row_of(op, module: ModuleType | None) -> Timing:
    """The row of an operator; `module` is its `cycles.py`.

    Raises:
        UserError: it has none.
    """
    if module is None:
        raise UserError(
            f"{op.name}: the cycle model has no row of {type(op).__name__}; simulate its RTL, or write a "
            "cycles.py beside its op.py."
        )
    return module.timing(op)
