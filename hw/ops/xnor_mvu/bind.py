"""Match counts of bits."""

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import MATRICES, takes


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
    return unit.bound("XnorMvu", {"loadable": 1}, unit.weights > 0)


@takes(*MATRICES, rank=10)
def xnor_mvu(network: Network, node: Placed) -> Taken:
    """Bits with weights of -1 and +1, thresholds inside."""
    if not node.at["xnor"]:
        return None
    unit = matrix_at(network, node)
    return unit.bound("XnorMvu", {}, unit.weights > 0, (0, len(unit.weights) + 1))
