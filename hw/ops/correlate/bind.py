"""Match counts against weights that are replaced at run time."""

from xnorforge.core.errors import UserError
from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.flows.bind.nodes import matrix_at
from xnorforge.flows.bind.registry import takes


@takes("MVAU")
def correlate(network: Network, node: NodeProto) -> Taken:
    """MVAU whose weights are writable, on bits."""
    if not get(node, "runtime_writeable_weights", 0):
        return None
    unit = matrix_at(network, node)
    if not unit.xnor or len(unit.nodes) > 1:
        raise UserError(
            f"{node.name}: its weights are replaced at run time, which works only for sums of +-1 by +-1 "
            "without a threshold after them; end the network at this layer."
        )
    return [node], [
        Bound("Correlate", node.name, unit.attributes, unit.arrays(unit.weights > 0), [node.name])
    ]
