"""Any thresholds per channel."""

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.nodes import levels_at
from xnorforge.hw.bind.registry import takes

LONG = 15  # steps, behind which equal rows are one


@takes("Thresholding", "ElementwiseMul", rank=20)
def threshold(network: Network, node: NodeProto) -> Taken:
    """Thresholding, with a product by -1 and +1 in front of it where some channels compare downwards. Long
    tables that are equal in all channels are one, of pixels with a single channel."""
    found = levels_at(network, node)
    if found is None:
        return None
    names, arrays = [one.name for one in found.nodes], found.arrays
    steps, shape = arrays["thresholds"], found.attributes["in_shape"]
    if steps.shape[1] > LONG and "direction" not in arrays and (steps == steps[0]).all():
        found.attributes["in_shape"], arrays["thresholds"] = [*shape, 1], steps[:1]
    bound = Bound("Threshold", names[-1], found.attributes, arrays, names)
    if steps.shape[1] >= LONG and bound.make().line is not None:
        bound.attributes["even"] = 1
    return found.nodes, [bound]
