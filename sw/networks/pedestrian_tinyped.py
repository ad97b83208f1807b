"""Seven 3x3 convolutions (32, 32, 64, 64, 128, 128, 128), two dilated; 434,016 binary, 640 8-bit weights."""

from xnorforge.sw.networks._small_detector import small_detector
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=60, batch=16, lr=5e-3, warmup=50, passes=8)
INTERVAL = 46080  # a window of 3x3 on 80 x 64 cells gives a tap per cycle


def build() -> Network:
    """The network."""
    return small_detector(1)
