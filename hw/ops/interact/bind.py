"""Binds channel interaction (CI-BCNN): the sum of a channel is changed by the levels of others."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.hw.bind.nodes import integer_thresholds, is_sign, with_threshold
from xnorforge.hw.bind.registry import takes


@takes("Interact")
def interact(network: Network, node: NodeProto) -> Taken:
    """With thresholds, also of channels that compare downwards, where they follow."""
    shape, (bits, _) = network.shape(node.input[0]), network.kind(node.input[0])
    attributes = {"in_shape": shape, "in_bits": bits}
    attributes |= {key: get(node, key) for key in ("n0", "unit", "matches")}
    if extent := get(node, "extent", 0):
        attributes["extent"] = extent
    arrays = {"influence": np.rint(network.constant(node.input[1])).astype(np.int64)}
    nodes, sign = with_threshold(network, node), network.reader(node)
    if sign is not None and is_sign(network, sign):
        behind = with_threshold(network, sign)
        if len(behind) > 1:
            nodes = [node, *behind]
            arrays["direction"] = network.constant(sign.input[1]).astype(np.int64)
    if len(nodes) > 1:
        arrays["thresholds"] = integer_thresholds(network, nodes[-1], shape[-1])[:, 0]
    return nodes, [Bound("Interact", node.name, attributes, arrays, [one.name for one in nodes])]
