"""FINN's TFC-W1A1: dense 784-64-64-64-10 on a picture binarised at 128; 59,008 weights."""

from xnorforge.sw.networks.base import FLOAT32, Recipe
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores

RECIPE = Recipe(epochs=60, batch=128, lr=5e-3, arithmetic=FLOAT32)
INTERVAL = 1024


def build() -> Network:
    """The network."""
    return Network(
        Bits(), Block(784, 64), Block(64, 64), Block(64, 64),
        Scores(64, 10, 2**-3),
    )  # fmt: skip
