"""Three convolutions (32, 64, 64) and two dense layers (128, 10) on 28x28 grey pixels; 187,936 weights."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network, Scores

RECIPE = Recipe(epochs=30, batch=128, lr=5e-3)
INTERVAL = 8192


def build() -> Network:
    """The network."""
    return Network(
        Block(1, 32, kernel=3, pool=2, pixels=True),
        Block(32, 64, kernel=3, pad=1, pool=2),
        Block(64, 64, kernel=3),
        nn.Flatten(),
        Block(1024, 128), Scores(128, 10, 2**-4),
    )  # fmt: skip
