"""WRN-22 of BONN (S. Zagoruyko, N. Komodakis, "Wide Residual Networks", BMVC 2016), stages 16-32-64:
ResNet-20 with 1x1 convolutions as the two shortcuts that change the shape, which WRN counts as layers;
267,264 binary weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((16, 16, 32, 64))
