"""Thresholds at even distances of a power of two, and a PReLU with a rounding."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import levels_at
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.requantise.op import evenly

SMALLER = 7  # thresholds from which a shift is smaller than a search


@takes("Threshold", rank=10)
def requantise(network: Network, node: Placed) -> Taken:
    """Many even steps."""
    attributes, arrays = levels_at(network, node)
    steps = arrays.pop("thresholds")
    even = evenly(steps) if steps.shape[1] >= SMALLER else None
    if even is None:
        return None
    shift, offset, ties = even
    attributes |= {"shift": shift, "levels": steps.shape[1]}
    arrays |= {"offset": offset, "ties": ties}
    return [node], [Bound("Requantise", node.name, attributes, arrays, [node.name])]


@takes("Rectify")
def rectify(network: Network, node: Placed) -> Taken:
    """Our own node."""
    attributes = {"in_shape": network.shape(node.input[0]), **network.width(node.input[0])}
    attributes |= {name: node.at[name] for name in ("shift", "levels", "zero")}
    arrays = {name: node.at[name] for name in ("offset", "direction", "slope")}
    arrays["ties"] = 0 * arrays["offset"]
    return [node], [Bound("Requantise", node.name, attributes, arrays, [node.name])]
