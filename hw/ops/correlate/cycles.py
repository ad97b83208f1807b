"""Row of the cycle model."""

from dataclasses import replace

from xnorforge.hw.ops._timing import Timing, Work, folded_vectors
from xnorforge.hw.ops.correlate.op import Correlate

FLAGS = 16  # frames whose flags are kept, Depth of xf_frame_flags.sv


def timing(op: Correlate) -> Timing:
    """A vector is read once per pass; behind a frame of one beat a move passes without a step. The flags of a
    frame are there before its first beat is.
    """
    mw, mh, simd, pe = op.folding()
    row = folded_vectors(mw // simd, mh // pe, op.beat_latency())
    works = row.works
    if op.bank_words * op.get_nodeattr("vectors") == 1:
        works = [*works, Work(gives=False)]
    return replace(row, works=works, ahead=FLAGS)
