"""Row of the cycle model."""

from xnorforge.hw.ops._timing import SKID, Timing, fifo
from xnorforge.hw.ops.fifo.op import Fifo


def timing(op: Fifo) -> Timing:
    """A memory; of two beats or less, a skid."""
    depth = op.get_nodeattr("depth")
    return SKID if depth <= 2 else fifo(depth, op.memory == "block")
