"""The operator on integers, for the bit simulator."""

from xnorforge.hw.ops.sum_pool.op import SumPool
from xnorforge.sim.bits.elements import WIDEST, as_int32, pool_step
from xnorforge.sim.bits.kernels import sum_pixels
from xnorforge.sim.bits.packed import Step


def step(op: SumPool) -> Step:
    """Sums in 32 bits where they fit."""
    source, sink = op.in_stream(), op.out_stream()
    if max(source.bits, sink.bits) > WIDEST:
        return pool_step(op)
    height, breadth, channels, kh, kw = op.pixels()

    def run(x):
        image = as_int32(x, source).reshape(-1, height, breadth, channels)
        return sum_pixels(image, kh, kw).reshape(-1, *sink.shape)

    return run
