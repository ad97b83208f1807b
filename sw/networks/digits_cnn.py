"""Two convolutions (32, 64) and two dense layers (64, 10) on 8x8 grey pixels; 35,744 weights."""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network, Scores

RECIPE = Recipe(epochs=60, batch=32, lr=5e-3, warmup=50)
INTERVAL = 1024


def build() -> Network:
    """The network."""
    return Network(
        Block(1, 32, kernel=3, pixels=True),
        Block(32, 64, kernel=3, pool=2),
        nn.Flatten(),
        Block(256, 64), Scores(64, 10, 2**-3),
    )  # fmt: skip
