"""A memory outside the part for constants of every frame: what it gives, what networks take."""

from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.shells import dma

GB_PER_S = 2.0  # that a processor's DDR memory is assumed to give where nobody says
REFRESH, BETWEEN = 0.26, 7.8  # microseconds that DDR3 is busy with a refresh, and from one to the next
LATENCY = 0.2  # microseconds from a burst's turn to its first word


def bytes_per_cycle(gb_per_s: float, clock_mhz: float) -> float:
    """Bytes per clock cycle from a memory through the shell's port, on average over refreshes."""
    return min(1000 * gb_per_s / clock_mhz, dma.WORD) * (1 - REFRESH / BETWEEN)


def word_times(gb_per_s: float, clock_mhz: float) -> tuple[int, ...]:
    """Such a memory in the simulators (`Pauses.memory`)."""
    rest = (round(time * clock_mhz) for time in (LATENCY, BETWEEN, REFRESH))
    return round(2**20 * max(dma.WORD * clock_mhz / 1000 / gb_per_s, 1)), *rest


def bytes_per_frame(ops: list[HwOp]) -> int:
    """Of all constants that operators read from outside with every frame, as they lie in memory."""
    return sum(dma.layout_of(stream).stride for _, stream in graph.outside(ops))


def memory_traffic(ops: list[HwOp], gb_per_s: float, clock_mhz: float) -> Record | None:
    """GB/s assumed, and needed at the cycles per frame of the operators; those that read; or None."""
    need = bytes_per_frame(ops) * clock_mhz / max(op.cycles() for op in ops) / 1000
    names = [op.name for op, _ in graph.outside(ops)]
    return {"gb_per_s": gb_per_s, "needed_gb_per_s": round(need, 3), "operators": names} if names else None
