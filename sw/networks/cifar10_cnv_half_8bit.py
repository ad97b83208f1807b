"""CNV with half the channels; stem and classifier have 8 bits, and the classifier reads 8-bit numbers."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network
from xnorforge.sw.nn.eight_bit import EightBlock, EightScores, Features

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return Network(
        EightBlock(3, 32, kernel=3), Block(32, 32, kernel=3, pool=2),
        Block(32, 64, kernel=3), Block(64, 64, kernel=3, pool=2),
        Block(64, 128, kernel=3), Block(128, 128, kernel=3),
        nn.Flatten(),
        Block(128, 256), Features(256, 256),
        EightScores(256, 10),
    )  # fmt: skip
