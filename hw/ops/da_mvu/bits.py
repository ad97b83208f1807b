"""The operator on packed bits, for the bit simulator: a product of small integers."""

from xnorforge.sim.bits.matrices import products


def step(op):
    """Bits are 0 and 1 here."""
    return products(op, op.arrays_of["weights"], op.arrays_of["bias"])
