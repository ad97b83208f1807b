"""The baseline: straight-through training (Hubara, Courbariaux, Soudry, El-Yaniv, Bengio, "Binarized Neural
Networks", NIPS 2016), Algorithm 1 with Adam and latent weights clipped to [-1, +1].

Differences from the paper: no dropout, no shift-based batch norm, cross entropy for squared hinge loss.
"""

from typing import ClassVar

from xnorforge.sw.methods import base


class Method(base.Method):
    """The baseline has no hyper-parameters of its own."""

    CAPTURES: ClassVar[bool] = True
