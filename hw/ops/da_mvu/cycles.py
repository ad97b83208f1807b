"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Timing, beat_for_beat
from xnorforge.hw.ops.da_mvu.op import DaMvu


def timing(op: DaMvu) -> Timing:
    """The registers of the longest path."""
    return beat_for_beat(op.latency())
