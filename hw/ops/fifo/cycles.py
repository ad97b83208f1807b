"""Row of the cycle model."""

from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work


def timing(op) -> Timing:
    """A beat passes the memory and its output register; of two beats or less, a skid."""
    depth = op.get_nodeattr("depth")
    return SKID if depth <= 2 else Timing([Work(needs=1, frees=1)], 1, Stop.READER, Buffer(1, depth))
