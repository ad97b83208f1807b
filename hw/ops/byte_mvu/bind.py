"""Sums of integers with weights of -1 and +1."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.byte_mvu.op import MOST_INPUT_BITS


@takes("MVAU", rank=20)
def byte_mvu(network: Network, node: NodeProto) -> Taken:
    """MVAU on integers of several bits with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    if unit.xnor or not 2 <= unit.bits <= MOST_INPUT_BITS or not np.isin(unit.weights, (-1, 1)).all():
        return None
    largest = len(unit.weights) * (2 ** (unit.bits - 1) if unit.signed else 2**unit.bits - 1)
    arrays = unit.arrays(unit.weights > 0, -largest, largest + 1)
    attributes = unit.attributes | network.width(node.input[0])
    return unit.nodes, [Bound("ByteMvu", node.name, attributes, arrays, [one.name for one in unit.nodes])]
