"""BONN's WRN-22, stages 16-16-32-64, Bi-Real style, shortcuts projected where the shape changes; 270,896
weights.
"""

from xnorforge.sw.networks._residual import residual
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=100, batch=128, lr=5e-3)


def build() -> Network:
    """The network."""
    return residual((16, 16, 32, 64), 2**-2, copied=False)
