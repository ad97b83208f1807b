"""A network of SiamFC's form: 128x128 pixels to 24x24x128 bits without padding, correlated with an 8x8
template; 139,104 weights.
"""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Correlation, Network

RECIPE = Recipe(epochs=12, batch=20, lr=5e-3, warmup=50)
INTERVAL = 36864


def build() -> Network:
    """The network."""
    return Network(
        Block(3, 32, kernel=3, stride=2, pixels=True), Block(32, 32, kernel=3, pool=2),
        Block(32, 64, kernel=3), Block(64, 64, kernel=3), Block(64, 128, kernel=3),
        Correlation(128, 8),
    )  # fmt: skip
