"""One kernel of -1 and +1 per channel."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import seen_by, steps_behind, with_threshold
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.depthwise.op import MOST_INPUT_BITS


@takes("Conv", rank=10)
def depthwise(network: Network, node: Placed) -> Taken:
    """A convolution of each channel by itself, thresholds inside."""
    weights, nodes = node.at["weights"], with_threshold(network, node)
    alone = node.at["groups"] == network.shape(node.input[0])[-1] == weights.shape[3] > 1
    if not alone or (abs(weights) != 1).any():
        return None
    seen = seen_by(network, node, always=True)
    if seen.bits > MOST_INPUT_BITS:
        return None
    attributes = {"ofm": network.shape(node.output[0]), "kernel": list(weights.shape[:2]), **seen.width}
    arrays = {"weights": (weights.reshape(-1, weights.shape[3]) > 0).astype(np.int64)}
    steps = steps_behind(nodes)
    if steps is not None:
        arrays["thresholds"] = steps
    unit = Bound("Depthwise", node.name, attributes, arrays, [one.name for one in nodes])
    return [*seen.pads, *nodes], [*seen.windows, unit]
