"""FINN's CNV-W1A1: convolutions 64-64-pool-128-128-pool-256-256 without padding, dense 512-512-10;
1,542,848 weights.
"""

from xnorforge.sw.networks._cnv import cnv
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return cnv(64, 2**-6)
