"""ResNet-20 with half the channels, stages 8-16-32, Bi-Real style: sign, convolution, batch norm, sum. Stem
and classifier have 8 bits, shortcuts no weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import BiReal, Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    stages = [
        BiReal(first if at == 0 else width, width, stride if at == 0 else 1)
        for first, width, stride in ((8, 8, 1), (8, 16, 2), (16, 32, 2))
        for at in range(6)
    ]
    means = nn.Sequential(binary.eight_act(8.0), nn.AvgPool2d(8), nn.Flatten())
    return Network(binary.stem(8), *stages, means, binary.eight_linear(32, 10))
