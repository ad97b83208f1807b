"""Another order of a frame's elements."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Permute")
def permute(network: Network, node: Placed) -> Taken:
    """Our own node; neighbours that stay together are one group."""
    order = node.at["places"].astype(np.int64)
    before, behind = node.at["before"], node.at["behind"]
    group = group_of(order, before[-1], behind[-1])
    attributes = {"in_shape": before, "out_shape": behind, "group": group, **network.width(node.input[0], "")}
    return [node], [Bound("Permute", node.name, attributes, {"order": order[::group] // group}, [node.name])]


def group_of(order: np.ndarray, *axes: int) -> int:
    """The most neighbours that stay together everywhere, a divisor of the last axis of both frames."""
    for group in range(int(np.gcd.reduce(axes)), 1, -1):
        if len(order) % group or any(axis % group for axis in axes):
            continue
        places = order.reshape(-1, group)
        if (places == places[:, :1] + np.arange(group)).all() and not (places[:, 0] % group).any():
            return group
    return 1
