"""A layer of 250 neurons for the method dwn, on a picture binarised at 128."""

from xnorforge.sw.networks.base import FLOAT32, Recipe
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores

RECIPE = Recipe(epochs=16, batch=256, lr=3e-3, shift=0, arithmetic=FLOAT32)


def build() -> Network:
    """The network."""
    return Network(Bits(), Block(784, 250), Scores(250, 10, 2**-3))
