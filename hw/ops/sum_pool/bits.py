"""The operator on integers, for the bit simulator."""

from xnorforge.sim.bits.elements import summed as step

__all__ = ["step"]
