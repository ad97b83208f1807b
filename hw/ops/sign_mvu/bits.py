"""The operator for the bit simulator."""

from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.sim.bits.matrices import matches, products
from xnorforge.sim.bits.packed import Step


def step(op: SignMvu) -> Step:
    """Matches are counted on packed words; sums as of every matrix."""
    given = op.matrix()
    return matches(op) if op.counts else products(op, given.weights, given.bias)
