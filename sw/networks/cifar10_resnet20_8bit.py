"""ResNet-20, stages 16-32-64, Bi-Real style; stem and classifier have 8 bits, shortcuts have no weights."""

from xnorforge.sw.networks._residual import residual_with_8_bit_ends
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return residual_with_8_bit_ends((16, 16, 32, 64), copied=True, prelu=False)
