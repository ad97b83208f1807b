"""Row of the cycle model."""

from itertools import groupby

import numpy as np

from xnorforge.hw.ops._timing import SKID, Buffer, Stop, Timing, Work, fifo


def timing(op) -> Timing:
    """Reader and writer of the ring wait for each other by whole rows; a register behind the ring, then the
    one at the output. Whole windows have rows of their own.
    """
    if op.whole:
        return _whole(op)
    if op.passes_through():
        return SKID
    rows = op.rows()
    beats = rows.write * op.beats
    room = (1 << op.address_bits()) // beats * beats
    works = [
        Work(steps=rows.read * op.beats, needs=need * beats, frees=freed * beats)
        for need, freed in zip(rows.need, rows.freed)
    ]
    return Timing(works, 2, Stop.BEHIND, Buffer(rows.height * beats, room))


def _whole(op) -> Timing:
    """Behind a FIFO a step per pixel, and without one where a window reaches beyond the image; the steps that
    complete a window give it.
    """
    steps = op.steps()
    takes, gives = np.zeros((2, steps.interval), bool)
    takes[steps.pixels()], gives[steps.given()] = True, True
    works = [
        Work(len(list(run)), gives=give, takes=(0,) if take else ())
        for (take, give), run in groupby(zip(takes.tolist(), gives.tolist()))
    ]
    depth, block = op.waiting_room()
    return Timing(works, 1, Stop.READER, front=fifo(depth, block))
