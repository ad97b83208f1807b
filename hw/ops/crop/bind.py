"""A window of a frame."""

from math import gcd

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Crop")
def crop(network: Network, node: Placed) -> Taken:
    """Our own node."""
    before, behind, first = (node.at[key] for key in ("before", "behind", "first"))
    group = before[2] if len(before) == 3 else gcd(*before, *behind, *first)
    attributes = {"in_shape": before, "out_shape": behind, "first": first, "group": group}
    attributes |= network.width(node.input[0], "")
    return [node], [Bound("Crop", node.name, attributes, {}, [node.name])]
