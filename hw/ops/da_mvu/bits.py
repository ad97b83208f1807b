"""The operator on packed bits, for the bit simulator: a product of small integers."""

from xnorforge.hw.ops.da_mvu.op import DaMvu
from xnorforge.sim.bits.matrices import products
from xnorforge.sim.bits.packed import Step


def step(op: DaMvu) -> Step:
    """Bits are 0 and 1 here."""
    return products(op, op.arrays_of["weights"], op.arrays_of["bias"])
