"""Counts of equal bits, each times a constant of its place."""

from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import matrix_at, shared_sizes
from xnorforge.hw.bind.registry import MATRICES, takes
from xnorforge.hw.ops.spatial_mvu.op import MOST_BITS


@takes(*MATRICES, rank=25)
def spatial_mvu(network: Network, node: Placed) -> Taken:
    """Bits that count as 0 and 1 whose weights are signs times a constant of their place, the same in
    all rows and several times in a row; thresholds inside."""
    unit = matrix_at(network, node)
    if unit.xnor or unit.seen.bits != 1 or unit.seen.signed:
        return None
    sizes = shared_sizes(unit.weights)
    if sizes is None or sizes.max() >= 2**MOST_BITS:
        return None
    run = len(unit.weights) // len(sizes)
    attributes = {"run": run, "scale_bits": int(sizes.max()).bit_length()}
    return unit.bound("SpatialMvu", attributes, unit.weights)
