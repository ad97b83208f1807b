"""ResNet-20 with half the channels, stages 8-16-32; 66,816 binary weights."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import Repeated, residual_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((8, 8, 16, 32), wider=Repeated)
