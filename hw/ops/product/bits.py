"""The operator on packed bits, for the bit simulator."""

from xnorforge.hw.ops.product.op import Product
from xnorforge.sim.bits.packed import Step, as_integers


def step(op: Product) -> Step:
    """The contract itself."""
    streams = op.in_streams()
    return lambda *given: op.run(*(as_integers(x, stream) for x, stream in zip(given, streams)))
