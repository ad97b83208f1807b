"""Counts of equal bits, each times a constant of its place."""

import numpy as np

from xnorforge.flows.bind.network import Bound, Network
from xnorforge.flows.bind.nodes import matrix_at
from xnorforge.flows.bind.registry import takes
from xnorforge.hw.ops._streams import divisors
from xnorforge.hw.ops.spatial_mvu.op import MOST_BITS

SHORTEST = 2  # elements that share a constant: of one alone a product is no smaller than with a weight


@takes("MVAU", rank=25)
def spatial_mvu(network: Network, node):
    """MVAU on bits that count as 0 and 1 whose weights are signs times a constant of their place, the same in
    all rows and several times in a row; thresholds inside.
    """
    unit = matrix_at(network, node)
    sizes = np.abs(np.rint(unit.weights)).astype(np.int64)
    of_row = sizes[:, 0]
    if unit.xnor or unit.bits != 1 or unit.signed or (sizes != sizes[:, :1]).any():
        return None
    if of_row.min() < 1 or of_row.min() == of_row.max() or of_row.max() >= 2**MOST_BITS:
        return None
    run = max(run for run in divisors(len(of_row)) if (of_row == of_row[::run].repeat(run)).all())
    if run < SHORTEST:
        return None
    attributes = unit.attributes | {"run": run, "scale_bits": int(of_row.max()).bit_length()}
    arrays = unit.arrays(unit.weights)
    return unit.nodes, [
        Bound("SpatialMvu", node.name, attributes, arrays, [node.name for node in unit.nodes])
    ]
