"""160x120 pixels to 40x30x11: three layers of rates 1, 2, 4 and 1, 4, 8 (BPAC); 360,288 binary weights."""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Block, Head, Network

RECIPE = Recipe(epochs=100, batch=8, lr=5e-3, warmup=50)
INTERVAL = 43200


def build() -> Network:
    """The network."""
    return Network(
        Block(3, 32, kernel=3, pad=1, stride=2, pixels=True),
        Block(32, 32, kernel=3, pad=1, pool=2),
        Block(32, 64, kernel=3, pad=1), Block(64, 64, kernel=3, pad=1, rates=(1, 2, 4)),
        Block(64, 64, kernel=3, pad=1, rates=(1, 2, 4)),
        Block(64, 64, kernel=3, pad=1, rates=(1, 4, 8)),
        Head(64, [0.0] * 11),
    )  # fmt: skip
