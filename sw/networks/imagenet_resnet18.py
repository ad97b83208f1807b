"""ResNet-18 for ImageNet (K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016), a
shortcut around each 3x3 convolution as in Bi-Real Net (Z. Liu et al., ECCV 2018); 10,985,472 binary weights.
The stem is a 7x7 convolution of stride 2 and a 3x3 maximum of stride 2.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.stream import residual_stream

INTERVAL = 1_666_666  # 60 frames per second at 100 MHz
GENERATED = True  # weights, where there are no trained ones
RECIPE = Recipe(epochs=100, batch=256, lr=1e-3)


def build() -> nn.Sequential:
    """The network."""
    return residual_stream((64, 64, 128, 256, 512), blocks=4, size=224, classes=1000)
