"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work
from xnorforge.hw.ops.interact.op import Interact


def timing(op: Interact) -> Timing:
    """A whole group is there, then it is given; each beat that is read makes room for one in the same
    cycle.
    """
    span = op.plan().span
    works = [Work(needs=span, frees=beat) for beat in range(1, span + 1)]
    return Timing(works, 2, Stop.SPARE, Buffer(span, span, free=0))
