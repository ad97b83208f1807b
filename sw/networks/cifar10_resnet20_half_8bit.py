"""ResNet-20 with half the channels, stages 8-16-32, Bi-Real style; stem and classifier have 8 bits."""

from xnorforge.sw.networks._residual import residual_with_8_bit_ends
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return residual_with_8_bit_ends((8, 8, 16, 32), copied=True, prelu=False)
