"""The operator on packed bits, for the bit simulator: a product of small integers."""

from xnorforge.sim.bits.matrices import integer_sums as step

__all__ = ["step"]
