"""The operator on packed bits, for the bit simulator: matches are counted on packed words."""

from xnorforge.sim.bits.matrices import matches as step

__all__ = ["step"]
