"""Row of the cycle model."""

import numpy as np

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work, some_given


def timing(op) -> Timing:
    """Blocks of one row pass a register; else two input rows are kept, and a row is left when it is
    complete.
    """
    (height, width, _), (tall, wide, channels) = op.in_stream().shape, op.out_stream().shape
    rows, chunk = op.block()[0], op.chunk()
    kept, depth = wide * channels // op.in_stream().lanes, width * rows * chunk
    if rows == 1:
        return some_given(np.arange(depth) < kept, 1)
    works = []
    for row in range(height):
        passes = min(rows, tall - row * rows)
        for p in range(passes):
            for beat in range(kept):
                last = p == passes - 1 and beat == kept - 1
                place = depth if last else (beat // chunk * rows + p) * chunk + beat % chunk + 1
                works.append(Work(needs=row * depth + place, frees=(row + 1) * depth if last else 0))
    return Timing(works, 1, Stop.READER, Buffer(height * depth, 2 * depth))
