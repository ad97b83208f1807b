"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work
from xnorforge.hw.ops.xnor_matmul.op import XnorMatmul


def timing(op: XnorMatmul) -> Timing:
    """A word of weights is taken with the first vector of each round over all of them; those from outside are
    always there. A frame of vectors is read once per tile.
    """
    mw, mh, simd, pe, vectors = op.folding()
    frame = vectors * (mw // simd)

    def step(tile: int, k: int) -> Work:
        end = tile == mh // pe - 1 and k == frame - 1
        return Work(
            gives=k >= frame - vectors,
            takes=(1,) if k % vectors == 0 and not op.outside else (),
            needs=int(op.reads()[k]) + 1 if tile == 0 else 0,
            frees=frame if end else 0,
        )

    works = [step(tile, k) for tile in range(mh // pe) for k in range(frame)]
    return Timing(works, op.beat_latency(), Stop.SPARE, Buffer(frame, 2 * frame))
