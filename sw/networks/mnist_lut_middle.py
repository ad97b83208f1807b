"""A layer of 500 neurons for the method dwn, on a picture binarised at 128."""

from xnorforge.sw.networks.base import FLOAT32, Recipe
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores

RECIPE = Recipe(epochs=16, batch=256, lr=1e-2, shift=0, arithmetic=FLOAT32)


def build() -> Network:
    """The network."""
    return Network(Bits(), Block(784, 500), Scores(500, 10, 2**-3))
