"""The operator on integers, for the bit simulator."""

from xnorforge.sim.bits.elements import pooled as step

__all__ = ["step"]
