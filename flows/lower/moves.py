"""Reshapes: they make no operator, integers only get another place."""

from math import prod

import numpy as np

from .registry import meaning, rule, swap
from .sums import single
from .values import Value, replay
from .walk import refuse


@meaning("Flatten")
def _flat(x, _at):
    return x.reshape(len(x), -1)


@rule("Flatten", "Reshape", "Squeeze")
def _reshape(walk, node, at):
    value = walk.value(node)
    elements = prod(value.shape)
    if node.op_type == "Reshape":
        wanted = [int(d) for d in walk.constant(node, 1)]
        if len(wanted) != 2 or wanted[0] not in (0, 1) or wanted[1] not in (-1, elements):
            cure = f"flatten to [1, {elements}]"
            if elements != value.channels:
                cure += " in front of a dense layer, and behind the last layer leave the image as it is"
            raise refuse(node, f"it reshapes to {wanted}", cure)
    elif node.op_type == "Flatten" and at.get("axis", 1) != 1:
        raise refuse(node, f"it flattens from axis {at['axis']}", "flatten from axis 1")
    elif node.op_type == "Squeeze" and elements != value.channels:
        cure = "flatten it in front of a dense layer, and behind the last layer leave the image as it is"
        raise refuse(node, "it squeezes an image of several pixels", cure)
    return value if len(value.shape) == 1 else flatten(walk, node, value)


def flatten(walk, node, value: Value) -> Value:
    """Channels last: element (y, x, c) of the frame, in the network's order element (c, y, x)."""
    value = single(walk, value, node)
    leaf = walk.leaves[value.start[0]]
    pixels = prod(leaf.shape[:-1])
    order = np.arange(prod(leaf.shape)).reshape(leaf.channels, pixels).T.reshape(-1)
    out = walk.emit(
        "Flatten", [leaf], (prod(leaf.shape),), np.tile(leaf.lo, pixels), np.tile(leaf.hi, pixels),
        f"{leaf.layer}_flat", leaf.layer, None if (order == np.arange(len(order))).all() else order,
    )  # fmt: skip
    return replay(value, out, pixels)


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
