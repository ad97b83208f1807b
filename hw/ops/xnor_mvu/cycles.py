"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Timing, beat_for_beat, folded_vectors


def timing(op) -> Timing:
    """A vector is read once per pass; with wired weights it passes the registers of the longest path."""
    if op.constant:
        return beat_for_beat(op.latency())
    mw, mh, simd, pe = op.folding()
    return folded_vectors(mw // simd, mh // pe, op.beat_latency())
