"""WRN-22 of BONN with stages 64-128-256; 4,276,224 binary weights."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

ORDINARY = True
RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((64, 64, 128, 256))
