"""Row of the cycle model."""

from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work
from xnorforge.hw.ops.width.op import Width


def timing(op: Width) -> Timing:
    """Up: the first part of a beat waits beside the beat before, the others for that one to leave. Down: room
    for the next beat from the last part but one on. With `gap` all parts wait, and room is there after the
    last.
    """
    into, out = op.in_stream().lanes, op.out_stream().lanes
    if into == out:
        return SKID
    if op.get_nodeattr("gap"):
        if out > into:
            return Timing(
                [Work(steps=out // into - 1, gives=False, takes=(0,)), Work(takes=(0,))], 1, Stop.GIVEN
            )
        return Timing([Work(steps=into // out, needs=1, frees=1)], 1, Stop.READER, Buffer(1, 1))
    if out > into:
        rest = Work(steps=out // into - 2, gives=False, takes=(0,))
        works = [Work(gives=False, takes=(0,), early=True), rest, Work(takes=(0,))]
        return Timing([work for work in works if work.steps], 1, Stop.GIVEN)
    works = [Work(steps=into // out - 1, needs=1, frees=1), Work()]
    return Timing(works, 1, Stop.READER, Buffer(1, 1))
