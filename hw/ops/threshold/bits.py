"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits.elements import reached


def step(op):
    """How many of a channel's thresholds are reached."""
    return reached(op, *op.tables())
