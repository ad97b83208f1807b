"""Three convolutions (32, 64, 64) and two dense layers (128, classes) on 32x32 RGB pixels; 260,960 weights
plus 128 per class.
"""

from torch import nn

from xnorforge.sw.datasets.folder import class_names
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Network, Scores

RECIPE = Recipe(epochs=30, batch=32, lr=5e-3, warmup=50, passes=10)
INTERVAL = 16384


def build() -> Network:
    """The network, for the number of classes in the folder."""
    return Network(
        Block(3, 32, kernel=3, pixels=True, pool=2),
        Block(32, 64, kernel=3, pad=1, pool=2),
        Block(64, 64, kernel=3),
        nn.Flatten(),
        Block(1600, 128), Scores(128, len(class_names()), 2**-4),
    )  # fmt: skip
