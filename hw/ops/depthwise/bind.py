"""One kernel of -1 and +1 per channel."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.nodes import steps_behind, with_threshold
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.depthwise.op import MOST_INPUT_BITS


@takes("VVAU", rank=10)
def depthwise(network: Network, node: NodeProto) -> Taken:
    """VVAU with weights of -1 and +1, thresholds inside."""
    nodes, width = with_threshold(network, node), network.width(node.input[0])
    weights = network.constant(node.input[1])[:, 0].transpose(1, 2, 0)  # (kh, kw, C)
    if (abs(weights) != 1).any() or width["in_bits"] > MOST_INPUT_BITS:
        return None
    attributes = {"ofm": network.shape(node.output[0]), "kernel": list(weights.shape[:2]), **width}
    arrays = {"weights": (weights.reshape(-1, weights.shape[2]) > 0).astype(np.int64)}
    steps = steps_behind(network, nodes)
    if steps is not None:
        arrays["thresholds"] = steps
    return nodes, [Bound("Depthwise", node.name, attributes, arrays, [one.name for one in nodes])]
