"""VGG-small (LQ-Nets, ECCV 2018; CI-BCNN); stem and classifier have 8 bits, and the classifier reads 8-bit
numbers.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network
from xnorforge.sw.nn.eight_bit import EightBlock, EightScores, Features

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return Network(
        EightBlock(3, 128, kernel=3, pad=1), Block(128, 128, kernel=3, pad=1, pool=2),
        Block(128, 256, kernel=3, pad=1), Block(256, 256, kernel=3, pad=1, pool=2),
        Block(256, 512, kernel=3, pad=1), Features(512, 512, kernel=3, pad=1, pool=2),
        nn.Flatten(),
        EightScores(8192, 10),
    )  # fmt: skip
