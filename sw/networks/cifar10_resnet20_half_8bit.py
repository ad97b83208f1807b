"""ResNet-20 with half the channels, stages 8-16-32, Bi-Real style: sign, convolution, batch norm, sum. Stem
and classifier have 8 bits, shortcuts no weights.
"""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import BiReal, Copied, Network
from xnorforge.sw.nn.eight_bit import EightConv, EightPooled, EightScores

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    stages = [
        BiReal(first if at == 0 else width, width, stride if at == 0 else 1, wider=Copied)
        for first, width, stride in ((8, 8, 1), (8, 16, 2), (16, 32, 2))
        for at in range(6)
    ]
    return Network(EightConv(3, 8, 3, pad=1), *stages, EightPooled(8), EightScores(32, 10))
