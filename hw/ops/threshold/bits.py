"""The operator on packed bits, for the bit simulator."""

from xnorforge.sim.bits.elements import level_step


def step(op):
    """How many of a channel's thresholds are reached."""
    return level_step(op, *op.tables())
