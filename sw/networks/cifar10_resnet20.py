"""ResNet-20, stages 16-32-64, Bi-Real style; shortcuts have no weights; 268,336 weights."""

from xnorforge.sw.networks._residual import residual
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return residual((16, 16, 32, 64), 2**-2, copied=True)
