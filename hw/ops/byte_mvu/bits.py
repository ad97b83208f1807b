"""The operator on packed bits, for the bit simulator: sums of +x and -x."""

from xnorforge.sim.bits.matrices import signed_sums as step

__all__ = ["step"]
