"""pedestrian-tinyped with 80 centre scores."""

from xnorforge.sw.networks._small_detector import small_detector
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.building_blocks import Network

RECIPE = Recipe(epochs=60, batch=16, lr=5e-3, warmup=50, passes=16)
INTERVAL = 46080  # as pedestrian-tinyped, whose layers it has


def build() -> Network:
    """The network."""
    return small_detector(80)
