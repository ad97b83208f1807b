"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work, beat_for_beat
from xnorforge.hw.ops.top_k.op import TopK


def timing(op: TopK) -> Timing:
    """The scores go through a skid, then the indices leave; the next frame waits for the last of them. A
    whole frame per beat goes through the registers of a tree.
    """
    if op.tree:
        return beat_for_beat(op.latency())
    count = op.get_nodeattr("n")
    scores = [Work(needs=k, frees=k) for k in range(1, count)]
    works = [*scores, Work(needs=count), Work(steps=op.indices, frees=count)]
    return Timing(works, 1, Stop.READER, Buffer(count, 1, seen=0))
