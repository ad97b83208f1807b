"""Changes of a frame's shape that move no element need no hardware: the integers are only renumbered."""

from math import prod

import numpy as np
from onnx import NodeProto

from xnorforge.flows.lower.walk import Walk

from .registry import meaning, swap
from .values import Value
from .views import flattened, usual_view


@meaning("Reshape")
def _reshaped(x, at):
    return x.reshape(len(x), *at["frame"])


def flatten(walk: Walk, node: NodeProto, value: Value) -> Value:
    """An image as a vector, in the network's order (c, y, x)."""
    return flattened(walk, node, value, usual_view(value.leaf).reshape(-1))


@swap("Reshape")
def _levels_first(graph, reshape, levels) -> bool:
    """Where all pixels of a channel share their thresholds."""
    before, behind = (graph.leaves[name] for name in (reshape.inputs[0], reshape.out))
    steps, direction = levels.at["thresholds"], levels.at["direction"]
    many = prod(behind.shape)
    steps = np.broadcast_to(steps, (many // behind.channels, *steps.shape)).reshape(many, -1)
    direction = np.tile(direction, many // behind.channels)
    steps = steps.reshape(many // before.channels, before.channels, -1)
    direction = direction.reshape(-1, before.channels)
    if (steps != steps[:1]).any() or (direction != direction[:1]).any():
        return False
    levels.at = {"thresholds": steps[0], "direction": direction[0]}
    return True
