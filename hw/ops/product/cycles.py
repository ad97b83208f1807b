"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, Work


def timing(op) -> Timing:
    """A beat of both streams at once."""
    return Timing([Work(takes=(0, 1))], op.latency(), Stop.READER)
