"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Stop, Timing, Work
from xnorforge.hw.ops.concat.op import Concat


def timing(op: Concat) -> Timing:
    """A pixel's beats of one stream after the other."""
    beats = [channels // op.get_nodeattr("pe") for channels in op.get_nodeattr("channels")]
    return Timing([Work(steps=many, takes=(k,)) for k, many in enumerate(beats)], 1, Stop.SPARE)
