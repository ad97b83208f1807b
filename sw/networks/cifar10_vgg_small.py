"""VGG-small (LQ-Nets, ECCV 2018; CI-BCNN): 128-128-pool-256-256-pool-512-512-pool padded with -1, dense
10; 4,656,512 weights.
"""

from torch import nn

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network, Scores

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return Network(
        Block(3, 128, kernel=3, pad=1, pixels=True), Block(128, 128, kernel=3, pad=1, pool=2),
        Block(128, 256, kernel=3, pad=1), Block(256, 256, kernel=3, pad=1, pool=2),
        Block(256, 512, kernel=3, pad=1), Block(512, 512, kernel=3, pad=1, pool=2),
        nn.Flatten(),
        Scores(8192, 10, 2**-10),
    )  # fmt: skip
