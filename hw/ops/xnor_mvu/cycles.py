"""Row of the cycle model."""

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._timing import Timing, beat_for_beat, folded_vectors


def timing(op) -> Timing:
    """A vector is read once per pass; with wired weights it passes the registers of the longest path.

    Raises:
        UserError: it takes several vectors at a time.
    """
    if op.many:
        raise UserError(
            f"{op.name}: the cycle model has no row of XnorMvu with several vectors at a time; simulate its "
            "RTL."
        )
    if op.constant:
        return beat_for_beat(op.latency())
    mw, mh, simd, pe = op.folding()
    return folded_vectors(mw // simd, mh // pe, op.beat_latency())
