"""Row of the cycle model."""

from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work


def timing(op) -> Timing:
    """A beat passes the memory, the register of a block RAM, the output register; of two beats or less, a
    skid.
    """
    depth = op.get_nodeattr("depth")
    if depth <= 2:
        return SKID
    latency, stop = (2, Stop.BEHIND) if op.memory == "block" else (1, Stop.READER)
    return Timing([Work(needs=1, frees=1)], latency, stop, Buffer(1, depth))
