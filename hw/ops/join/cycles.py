"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, Work


def timing(op) -> Timing:
    """A beat of all streams at once; products, sum."""
    return Timing([Work(takes=tuple(range(op.inputs)))], 2, Stop.READER)
