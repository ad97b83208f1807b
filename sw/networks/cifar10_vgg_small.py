"""VGG-small (LQ-Nets, ECCV 2018; CI-BCNN): 128-128-pool-256-256-pool-512-512-pool; 4,571,136 binary weights.

The papers' classifier reads all 8,192 numbers of the last maps. This one reads the means of the 512 maps:
sums of 8,192 products of 8-bit numbers would not be exact in float32.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import plain_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return plain_stream((128, 256, 512))
