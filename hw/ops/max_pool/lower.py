"""Maxima over windows: maxima of integers where the value rises with them, minima where it falls."""

from fractions import Fraction
from typing import ClassVar

import numpy as np

from xnorforge.flows.lower.integers import windows
from xnorforge.flows.lower.linear import spatial, window_shape
from xnorforge.flows.lower.nodes import IntegerNode
from xnorforge.flows.lower.registry import MAKERS, emission, meaning, rule, swap
from xnorforge.flows.lower.sums import single
from xnorforge.flows.lower.values import exact, replay
from xnorforge.flows.lower.walk import refuse


@meaning("MaxPool")
def max_pool(x, at):
    """Maximum where the channel's direction is +1, minimum where it is -1."""
    x = np.ascontiguousarray(x * at["direction"])
    return windows(x, at["kernel"], at["stride"]).max((3, 4)) * at["direction"]


class DirectedPool(IntegerNode):
    """Maximum over each window where direction (C,) is +1, minimum where it is -1; an AND of bits where all
    are -1.
    """

    op = "MaxPool"
    numbers: ClassVar[dict[str, str]] = {"kernel": "ints", "stride": "ints"}
    arrays = ("direction",)


@emission("MaxPool")
def _emit(emission, node, inputs, out) -> None:
    """Windows and Pool where all channels take the maximum."""
    if (node.at["direction"] < 0).any():
        emission.put_own("DirectedPool", node, inputs, out)
    else:
        emission.pool(node, inputs[0], out, "MaxPool")


@swap("MaxPool")
def _levels_first(_graph, pool, levels) -> bool:
    """T(max n) = max T(n), and min T(n) where T falls: a gate per bit."""
    pool.at["direction"] = pool.at["direction"] * levels.at["direction"]
    return True


@rule("MaxPool", "GlobalMaxPool")
def _max_pool(walk, node, at):
    """Maximum of the value: maximum of n where the chain rises, minimum where it falls; the chain stays
    behind it.
    """
    value = single(walk, walk.value(node), node)
    leaf = walk.leaves[value.start[0]]
    if len(leaf.shape) != 3:
        raise refuse(node, "it pools a vector", "use it in front of the flattening")
    kernel = list(at.get("kernel_shape", leaf.shape[:2]))
    stride, dilation, pads = spatial(node, at)
    direction = value.direction
    if dilation != [1, 1]:
        raise refuse(node, "a dilated pool has no integer operator", "use dilation 1")
    if any(pads):
        if leaf.range[0] < 0 or (direction < 0).any():
            raise refuse(
                node, "a padded maximum of signed sums has no integer operator", "pool binary activations"
            )
        leaf = MAKERS["border"](
            walk,
            node,
            leaf,
            exact([1] * leaf.channels),
            exact([0] * leaf.channels),
            Fraction(0),
            pads,
            leaf.layer,
        )
    shape = (*window_shape(leaf.shape, kernel, stride), leaf.channels)
    out = walk.emit(
        "MaxPool", [leaf], shape, leaf.lo, leaf.hi, f"{leaf.layer}_pool", leaf.layer,
        kernel=kernel, stride=stride, direction=direction,
    )  # fmt: skip
    return replay(value, out)
