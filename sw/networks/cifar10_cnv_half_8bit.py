"""CNV with half the channels; stem and classifier have 8 bits, and the classifier reads 8-bit numbers."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.binary import Plain
from xnorforge.sw.nn.building_blocks import Block, Network
from xnorforge.sw.nn.eight_bit import EightBlock, EightScores, Features

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build(layers: Plain) -> Network:
    """The network of these layers."""
    return Network(
        EightBlock(layers, 3, 32, kernel=3), Block(layers, 32, 32, kernel=3, pool=2),
        Block(layers, 32, 64, kernel=3), Block(layers, 64, 64, kernel=3, pool=2),
        Block(layers, 64, 128, kernel=3), Block(layers, 128, 128, kernel=3),
        nn.Flatten(),
        Block(layers, 128, 256), Features(layers, 256, 256),
        EightScores(layers, 256, 10),
    )  # fmt: skip
