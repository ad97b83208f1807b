"""CNV with half the channels in every layer; 387,424 weights."""

from xnorforge.sw.networks._cnv import cnv
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return cnv(32, 2**-5)
