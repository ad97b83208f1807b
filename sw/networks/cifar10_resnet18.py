"""ResNet-18 for pictures of 32 x 32: stages 64-128-256-512 of four 3x3 convolutions, the stem without stride
and pool; 10,985,472 binary weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((64, 64, 128, 256, 512), blocks=4)
