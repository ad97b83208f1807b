"""Maxima over windows: maxima of integers where the value rises with them, minima where it falls."""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.lowering import registry
from xnorforge.hw.lowering.examples import random_image, random_pool, random_signs, random_windows
from xnorforge.hw.lowering.geometry import pool_windows
from xnorforge.hw.lowering.integers import windows
from xnorforge.hw.lowering.sums import single
from xnorforge.hw.lowering.values import Leaf, Node, replay
from xnorforge.hw.lowering.walk import Lowered, refuse
from xnorforge.hw.ops.surround.op import surrounded

registry.CHOOSING |= {"MaxPool", "GlobalMaxPool"}
registry.PER_CHANNEL["MaxPool"] = ("direction",)
NONE = [0, 0, 0, 0]


@registry.meaning("MaxPool")
def max_pool(x: np.ndarray, at: Record) -> np.ndarray:
    """Maximum where the channel's direction is +1, minimum where it is -1; a border never wins."""
    x = x * at["direction"]
    x = surrounded(x, at.get("pads", NONE), x.min() - 1)
    return windows(x, at["kernel"], at["stride"], at["dilation"]).max((3, 4)) * at["direction"]


@registry.swap("MaxPool")
def _levels_first(_graph, pool, levels) -> bool:
    """T(max n) = max T(n), and min T(n) where T falls: a gate per bit."""
    pool.at["direction"] = pool.at["direction"] * levels.at["direction"]
    return True


@registry.rule("MaxPool", "GlobalMaxPool")
def _max_pool(walk, node, at):
    """Maximum of the integers of a window; the minimum where the scale is negative."""
    value = single(walk, walk.value(node), node)
    leaf = walk.leaves[value.start[0]]
    if len(leaf.shape) != 3:
        raise refuse(node, "it pools a vector", "pool before flattening")
    at = {"kernel_shape": leaf.shape[:2]} | at
    (stride, dilation, pads), size = pool_windows(node, at, leaf.shape)
    out = walk.emit(
        "MaxPool", [leaf], (*size, leaf.channels), leaf.lo, leaf.hi, f"{leaf.layer}_pool", leaf.layer,
        kernel=list(at["kernel_shape"]), stride=stride, dilation=dilation, pads=pads,
        direction=value.direction,
    )  # fmt: skip
    return replay(value, out)


@registry.tidying(50)
def _borders_of_pools(graph: Lowered) -> None:
    """A border of a pool becomes an operator: of each channel the integer that never wins."""
    for node in [n for n in graph.nodes if n.op == "MaxPool" and any(n.at["pads"])]:
        leaf, rising, pads = graph.leaves[node.inputs[0]], node.at["direction"] > 0, node.at["pads"]
        name, (top, left, bottom, right) = f"{node.name}_pad", pads
        (height, width, channels), (low, high) = leaf.shape, leaf.range
        at = {"pads": pads, "value": low if rising.all() else high}
        mixed = rising.any() and not rising.all()
        if mixed:
            at = {"pads": pads, "values": np.where(rising, low, high)}
        shape = (top + height + bottom, left + width + right, channels)
        least = np.where(rising, low, leaf.lo), np.where(rising, leaf.hi, high)
        graph.leaves[name] = Leaf(name, shape, *least, leaf.layer, leaf.order)
        border = Node(name, "Surround" if mixed else "Pad", node.inputs, name, at)
        graph.nodes.insert(graph.nodes.index(node), border)
        node.inputs, node.at["pads"] = [name], NONE


@registry.example("MaxPool")
def _extremes(rng):
    if rng.random() < 0.3:
        at = random_windows(rng, 2)
        leaf = random_image(rng, at["kernel"], at["dilation"])
    else:
        leaf, at = random_pool(rng)
    return [leaf], [("MaxPool", {"dilation": [1, 1], "direction": random_signs(rng, leaf.channels)} | at)]
