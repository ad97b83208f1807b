"""BONN's WRN-22, stages 64-64-128-256; 4,321,472 weights."""

from xnorforge.sw.networks._residual import residual
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return residual((64, 64, 128, 256), 2**-4, copied=False)
