"""Products with weights of -1 and +1."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import MATRICES, takes
from xnorforge.hw.ops.sign_mvu.op import MOST_INPUT_BITS
from xnorforge.hw.streams import value_range


@takes(*MATRICES)
def template(network: Network, node: Placed) -> Taken:
    """Weights that are replaced at run time, on bits: they can be loaded, whatever LOADABLE is."""
    if not node.at.get("writable"):
        return None
    unit = matrix_at(network, node)
    if not unit.xnor or unit.thresholds is not None:
        raise UserError(
            f"{node.name}: its weights are replaced at run time, which works only for sums of +-1 by +-1 "
            "without a threshold after them; end the network at this layer."
        )
    return unit.bound("SignMvu", {"loadable": 1}, unit.weights > 0)


@takes(*MATRICES, rank=10)
def sign_mvu(network: Network, node: Placed) -> Taken:
    """Bits for -1 and +1, or integers of several bits, with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    width = {"in_bits": 1, "in_signed": 0} if unit.xnor else unit.seen.width
    fits = 2 <= unit.seen.bits <= MOST_INPUT_BITS and np.isin(unit.weights, (-1, 1)).all()
    if not (unit.xnor or fits):
        return None
    most = len(unit.weights) * max(map(abs, value_range(width["in_bits"], bool(width["in_signed"]))))
    return unit.bound("SignMvu", width, unit.weights > 0, (0 if unit.xnor else -most, most + 1))
