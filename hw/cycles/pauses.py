"""Seeded pauses of streams, equal in Verilator (sim/stream.cpp) and the cycle model."""

from dataclasses import dataclass
from typing import TypeAlias

ALWAYS = 2**32  # a chance of 1, as the generator of sim/stream.cpp draws it


@dataclass(frozen=True)
class Pause:
    """Of one stream.

    Attributes:
        chance: of a pause in any slot, 0 to below 1.
        slot: cycles, 1 or more.
        stop: cycles for which it stands still besides, once in `every` cycles; 0 never.
        every: cycles, more than `stop`.
        phase: the stop ends when cycle + phase is a multiple of `every`.
    """

    chance: float = 0.0
    slot: int = 1
    stop: int = 0
    every: int = 0
    phase: int = 0

    @property
    def any(self) -> bool:
        """Whether it ever pauses."""
        return self.chance > 0 or self.stop > 0

    def numbers(self, start: int) -> list[int]:
        """As sim/stream.cpp and the cycle model read it; `start` is that of its generator."""
        return [int(self.chance * ALWAYS), self.slot, self.stop, max(self.every, 1), self.phase, start]


@dataclass(frozen=True)
class Pauses:
    """Of all streams of a lane.

    Attributes:
        source, sink: of every stream in, and out.
        outside: of each stream of constants from outside, as `graph.outside` has them; () as `source`.
        memory: what those of constants come from, if they share one: cycles * 2^20 in which 8 bytes come,
            cycles until then, from a refresh to the next, and of a refresh (hw/cycles/memory.h).
        inner: of each stream between two operators, as `graph.inner_tensors` has them; () none pauses.
    """

    source: Pause = Pause()
    sink: Pause = Pause()
    inner: tuple[Pause, ...] = ()
    outside: tuple[Pause, ...] = ()
    memory: tuple[int, ...] = ()

    @classmethod
    def of(cls, stall: "Stall") -> "Pauses":
        """From a chance per cycle at both ends, a pair of them for sources and sinks, or pauses."""
        if isinstance(stall, Pauses):
            return stall
        into, out = stall if isinstance(stall, tuple) else (stall, stall)
        return cls(Pause(into), Pause(out))

    @property
    def any(self) -> bool:
        """Whether anything ever pauses."""
        return any(self.memory) or any(
            pause.any for pause in (self.source, self.sink, *self.inner, *self.outside)
        )

    def patience(self, cycles: int) -> int:
        """Cycles without a transfer at the ends that only a hang explains; `cycles` where nothing pauses."""
        every = (self.source, self.sink, *self.inner)
        slack = cycles / ((1 - self.source.chance) * (1 - self.sink.chance))
        slack *= max((one.every / (one.every - one.stop) for one in self.outside if one.stop), default=1)
        return int(slack) + max(pause.stop for pause in every) + 64 * max(pause.slot - 1 for pause in every)


def generator_start(seed: int, lane: int, index: int, side: str) -> int:
    """Of the generator of a stream: "in", "out" or "inner", the `index`-th of its side on a lane."""
    return (seed * 2 + (side == "out") + (lane << 32) + (index << 40) + ((side == "inner") << 63)) % 2**64


Stall: TypeAlias = float | tuple[float, float] | Pauses  # see Pauses.of
