"""The operator on integers, for the bit simulator."""

from xnorforge.sim.bits.elements import pool_step as step

__all__ = ["step"]
