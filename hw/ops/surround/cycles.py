"""Row of the cycle model."""

from itertools import groupby

import numpy as np

from xnorforge.hw.ops._timing import Stop, Timing, Work
from xnorforge.hw.ops.surround.op import Surround


def timing(op: Surround) -> Timing:
    """A beat of the border leaves without input, once a beat of the frame has been offered."""
    (height, width, channels), (top, left, _, _) = op.in_stream().shape, op.pads()
    inside = np.zeros(op.out_stream().shape[:2], bool)
    inside[top : top + height, left : left + width] = True
    beats = np.repeat(inside.ravel(), channels // op.in_stream().lanes).tolist()
    works, begun = [], False
    for image, run in groupby(beats):
        steps = len(list(run))
        works.append(Work(steps, takes=(0,)) if image else Work(steps, sees=() if begun else (0,)))
        begun = begun or image
    return Timing(works, 1, Stop.SPARE)
