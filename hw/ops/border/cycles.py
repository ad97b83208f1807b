"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Timing, beat_for_beat
from xnorforge.hw.ops.border.op import Border


def timing(op: Border) -> Timing:
    """Two stages."""
    return beat_for_beat(op.latency())
