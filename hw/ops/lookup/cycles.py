"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Timing, beat_for_beat


def timing(op) -> Timing:
    """One register."""
    return beat_for_beat(op.latency())
