"""Match counts of bits."""

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import takes


@takes("MVAU")
def template(network: Network, node: NodeProto) -> Taken:
    """MVAU whose weights are replaced at run time, on bits: they can be loaded, whatever LOADABLE is."""
    if not get(node, "runtime_writeable_weights", 0):
        return None
    unit = matrix_at(network, node)
    if not unit.xnor or len(unit.nodes) > 1:
        raise UserError(
            f"{node.name}: its weights are replaced at run time, which works only for sums of +-1 by +-1 "
            "without a threshold after them; end the network at this layer."
        )
    attributes = unit.attributes | {"loadable": 1}
    return [node], [Bound("XnorMvu", node.name, attributes, unit.arrays(unit.weights > 0), [node.name])]


@takes("MVAU", rank=10)
def xnor_mvu(network: Network, node: NodeProto) -> Taken:
    """MVAU on bits with weights of -1 and +1, thresholds inside."""
    unit = matrix_at(network, node)
    if not unit.xnor:
        return None
    arrays = unit.arrays(unit.weights > 0, 0, len(unit.weights) + 1)
    return unit.nodes, [Bound("XnorMvu", node.name, unit.attributes, arrays, [n.name for n in unit.nodes])]
