"""Any thresholds per channel."""

from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.flows.bind.nodes import levels_at
from xnorforge.flows.bind.registry import takes

SMALLER = 7  # thresholds from which a product may be smaller than a search


@takes("Thresholding", "ElementwiseMul", rank=20)
def threshold(network: Network, node: NodeProto) -> Taken:
    """Thresholding, with a product by -1 and +1 in front of it where some channels compare downwards."""
    found = levels_at(network, node)
    if found is None:
        return None
    names = [one.name for one in found.nodes]
    bound = Bound("Threshold", names[-1], found.attributes, found.arrays, names)
    if found.arrays["thresholds"].shape[1] >= SMALLER and bound.make().line is not None:
        bound.attributes["even"] = 1
    return found.nodes, [bound]
