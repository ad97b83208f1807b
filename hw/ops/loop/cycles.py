"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work
from xnorforge.hw.ops.loop.op import Loop


def timing(op: Loop) -> Timing:
    """A step when its part or the whole frame is there, each as long as the others; then the result, beat by
    beat.
    """
    beats, steps = op.in_stream().beats, op.get_nodeattr("steps")
    if op.of_frames:
        frame = Work(steps=beats, gives=False, takes=(0,)), Work(moves=op.all_steps, gives=False)
        return Timing([*frame, Work(steps=beats)], 1, Stop.BEHIND)
    part = beats // steps
    ends = range(part, beats + 1, part)
    works = [Work(moves=op.step_cycles, gives=False, needs=end, frees=end) for end in ends]
    works.append(Work(steps=op.out_stream().beats))
    return Timing(works, 1, Stop.BEHIND, Buffer(beats, 2 * part))
