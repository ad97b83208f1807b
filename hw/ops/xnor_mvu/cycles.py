"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Rounds, Stop, Timing, Work, beat_for_beat, folded_vectors
from xnorforge.hw.ops.xnor_mvu.op import XnorMvu

from .pixels import Pixels


def timing(op: XnorMvu) -> Timing:
    """A vector is read once per pass; with wired weights it passes the registers of the longest path."""
    if op.many:
        return together(op.many)
    if op.constant:
        return beat_for_beat(op.latency())
    mw, mh, simd, pe = op.folding()
    return folded_vectors(mw // simd, mh // pe, op.beat_latency())


def together(unit: Pixels) -> Timing:
    """Vectors share the rows that go round; behind them each waits in the history, and leaves in beats."""
    rounds = Rounds(unit.pixels, unit.mh, unit.turns)
    front = Timing([Work(takes=(0,))], unit.latency - 2, Stop.ROUND, rounds=rounds)
    beats = Work(unit.mh // unit.pe, needs=1, frees=1)
    return Timing([beats], 1, Stop.READER, Buffer(1, unit.turns * unit.pixels, free=2), front)
