"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, beat_for_beat
from xnorforge.hw.ops.fork.op import Fork


def timing(op: Fork) -> Timing:
    """One register, whose beat stays until the last reader has it."""
    return beat_for_beat(op.latency(), Stop.READER)
