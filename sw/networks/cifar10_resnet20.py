"""ResNet-20 (K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2), stages
16-32-64: shortcuts have no weights (option A), which alone sets it apart from wrn22; 267,264 binary weights.
Where the paper takes every second pixel and pads channels with 0, they take means and repeat the channels.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import Repeated, residual_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((16, 16, 32, 64), wider=Repeated)
