"""Row of the cycle model."""

from dataclasses import replace
from itertools import groupby

import numpy as np

from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work, fifo
from xnorforge.hw.ops.window.op import Window


def timing(op: Window) -> Timing:
    """The reader of the ring waits for the beats that it needs, the writer for whole rows of room; a register
    behind the ring, then the one at the output. Whole windows have rows of their own.
    """
    if op.whole:
        return _whole(op)
    if op.passes_through():
        return SKID
    rows = op.rows()
    beats = rows.write * op.beats
    room = (1 << op.address_bits()) // beats * beats
    works = []
    for needs, freed in zip(op.needs().reshape(len(rows.freed), -1), rows.freed):
        starts = np.flatnonzero(np.diff(needs, prepend=-1))
        steps = np.diff(starts, append=len(needs))
        works += [Work(steps=int(n), needs=int(needs[at])) for at, n in zip(starts, steps)]
        works[-1] = replace(works[-1], frees=freed * beats)
    return Timing(works, 2, Stop.BEHIND, Buffer(rows.height * beats, room))


def _whole(op) -> Timing:
    """Behind a FIFO a step per pixel, and without one where a window reaches beyond the image; the steps that
    complete a window give it. A beat of several pixels is seen by its steps before the last, which takes it.
    """
    steps = op.steps()
    takes, sees, gives = np.zeros((3, steps.interval), bool)
    takes[steps.pixels()], gives[steps.given()] = True, True
    if op.several:
        for seen, taken in zip(steps.seen(), steps.pixels()):
            sees[seen:taken] = True
    works = [
        Work(len(list(run)), gives=give, takes=(0,) if take else (), sees=(0,) if see else ())
        for (take, see, give), run in groupby(zip(takes.tolist(), sees.tolist(), gives.tolist()))
    ]
    depth, block = op.waiting_room()
    return Timing(works, 1, Stop.READER, front=fifo(depth, block))
