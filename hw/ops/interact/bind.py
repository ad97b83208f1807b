"""Binds channel interaction (CI-BCNN): the sum of a channel is changed by the levels of others."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import falls, with_threshold
from xnorforge.hw.bind.registry import takes


@takes("Interact")
def interact(network: Network, node: Placed) -> Taken:
    """With thresholds, also of channels that compare downwards, where they follow."""
    shape, (bits, _) = network.shape(node.input[0]), network.kind(node.input[0])
    attributes = {"in_shape": shape, "in_bits": bits}
    attributes |= {key: int(node.at[key]) for key in ("n0", "unit", "matches")}
    if extent := node.at.get("extent"):
        attributes["extent"] = extent
    arrays, nodes = {"influence": node.at["influence"]}, with_threshold(network, node, falling=True)
    if len(nodes) > 1:
        arrays |= {"direction": nodes[1].at["direction"]} if falls(nodes[1]) else {}
        arrays["thresholds"] = nodes[1].at["thresholds"][:, 0]
    return nodes, [Bound("Interact", node.name, attributes, arrays, [one.name for one in nodes])]
