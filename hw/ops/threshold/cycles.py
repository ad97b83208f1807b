"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, beat_for_beat


def timing(op) -> Timing:
    """A stage per bit of the level."""
    return beat_for_beat(op.bits, Stop.READER)
