"""Flattening an image: it needs no hardware, the integers are only renumbered."""

from math import prod

from .registry import meaning, swap
from .values import Value
from .views import flattened, usual_view


@meaning("Flatten")
def _flat(x, _at):
    return x.reshape(len(x), -1)


def flatten(walk, node, value: Value) -> Value:
    """An image as a vector, in the network's order (c, y, x)."""
    return flattened(walk, node, value, usual_view(value.leaf).reshape(-1))


@swap("Flatten")
def _levels_first(graph, flatten, levels) -> bool:
    """Where all pixels of a channel share their thresholds."""
    channels = graph.leaves[flatten.inputs[0]].channels
    pixels = prod(graph.leaves[flatten.out].shape) // channels
    per_pixel = {key: levels.at[key].reshape(pixels, channels, -1) for key in ("thresholds", "direction")}
    if any((x != x[:1]).any() for x in per_pixel.values()):
        return False
    levels.at = {"thresholds": per_pixel["thresholds"][0], "direction": per_pixel["direction"][0, :, 0]}
    return True
