"""The baseline: straight-through training (Hubara, Courbariaux, Soudry, El-Yaniv, Bengio, "Binarized Neural
Networks", NIPS 2016), Algorithm 1 with Adam and latents clipped to [-1, +1].

Differs from the paper: no dropout, no shift-based batch norm, cross entropy in place of the squared hinge
loss.
"""

from xnorforge.sw.methods import base


class Method(base.Method):
    """Every default of the interface."""
