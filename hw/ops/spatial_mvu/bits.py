"""The operator on packed bits, for the bit simulator: a product of small integers."""

from xnorforge.sim.bits.matrices import of_matrix as step

__all__ = ["step"]
