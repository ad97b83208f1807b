"""Thresholds at even distances of a power of two, and a PReLU with a rounding."""

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.hw.bind.nodes import levels_at
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.ops.requantise.op import evenly

SMALLER = 7  # thresholds from which a shift is smaller than a search


@takes("Thresholding", "ElementwiseMul", rank=10)
def requantise(network: Network, node: NodeProto) -> Taken:
    """Thresholding of many even steps, with a product by -1 and +1 in front of it if there is one."""
    found = levels_at(network, node)
    if found is None or (count := found.arrays["thresholds"].shape[1]) < SMALLER:
        return None
    even = evenly(found.arrays.pop("thresholds"))
    if even is None:
        return None
    shift, offset, ties = even
    arrays = {"offset": offset, "ties": ties, **found.arrays}
    names = [one.name for one in found.nodes]
    attributes = found.attributes | {"shift": shift, "levels": count}
    return found.nodes, [Bound("Requantise", names[-1], attributes, arrays, names)]


@takes("Rectify")
def rectify(network: Network, node: NodeProto) -> Taken:
    """Our own node."""
    attributes = {"in_shape": network.shape(node.input[0]), **network.width(node.input[0])}
    attributes |= {name: get(node, name) for name in ("shift", "levels", "zero")}
    offset, slope, direction = map(network.integers, node.input[1:])
    arrays = {"offset": offset, "ties": 0 * offset, "direction": direction, "slope": slope}
    return [node], [Bound("Requantise", node.name, attributes, arrays, [node.name])]
