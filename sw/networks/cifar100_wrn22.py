"""WRN-22 with stages 64-128-256, which RBCN's authors train on CIFAR-100 (C. Liu et al., "RBCN: Rectified
Binary Convolutional Networks", IJCAI 2019); 4,276,224 binary weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((64, 64, 128, 256), classes=100)
