"""Any thresholds per channel."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import levels_at
from xnorforge.hw.bind.registry import takes

LONG = 15  # steps, behind which equal rows are one


@takes("Threshold", rank=20)
def threshold(network: Network, node: Placed) -> Taken:
    """Long tables that are equal in all channels are one, of pixels with a single channel."""
    attributes, arrays = levels_at(network, node)
    steps, shape = arrays["thresholds"], attributes["in_shape"]
    if steps.shape[1] > LONG and "direction" not in arrays and (steps == steps[0]).all():
        attributes["in_shape"], arrays["thresholds"] = [*shape, 1], steps[:1]
    bound = Bound("Threshold", node.name, attributes, arrays, [node.name])
    if steps.shape[1] >= LONG and bound.make().line is not None:
        bound.attributes["even"] = 1
    return [node], [bound]
