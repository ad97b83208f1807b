"""ResNet-34 for ImageNet: `imagenet_resnet18` with stages of 6, 8, 12 and 6 3x3 convolutions; 21,086,208
binary weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

GENERATED = True  # weights, where there are no trained ones
RECIPE = Recipe(epochs=100, batch=256, lr=1e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((64, 64, 128, 256, 512), blocks=(6, 8, 12, 6), size=224, classes=1000)
