"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Timing, folded_vectors
from xnorforge.hw.ops.int_mvu.op import IntMvu


def timing(op: IntMvu) -> Timing:
    """A vector is read once per pass."""
    mw, mh, simd, pe = op.folding()
    return folded_vectors(mw // simd, mh // pe, op.beat_latency())
