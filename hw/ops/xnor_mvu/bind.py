"""Match counts of bits."""

from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.flows.bind.nodes import matrix_at
from xnorforge.flows.bind.registry import takes


@takes("MVAU", rank=10)
def xnor_mvu(network: Network, node: NodeProto) -> Taken:
    """MVAU on bits with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    if not unit.xnor:
        return None
    arrays = unit.arrays(unit.weights > 0, 0, len(unit.weights) + 1)
    return unit.nodes, [
        Bound("XnorMvu", node.name, unit.attributes, arrays, [one.name for one in unit.nodes])
    ]
