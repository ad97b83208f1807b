"""Any order of a frame's elements."""

from math import prod

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.reorder.lower import MOVES
from xnorforge.hw.ops.reorder.op import reorder_of


@takes(*MOVES)
def reorder(network: Network, node: Placed) -> Taken:
    """Our own nodes: the order is what they do with the places of their input."""
    before = network.shape(node.input[0])
    places = MOVES[node.op](np.arange(prod(before)).reshape(1, *before), node.at)[0]
    attributes, arrays = reorder_of(before, places)
    attributes |= network.width(node.input[0], "")
    return [node], [Bound("Reorder", node.name, attributes, arrays, [node.name])]
