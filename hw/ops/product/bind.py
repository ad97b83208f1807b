"""Products of two streams."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import kinds, out_width
from xnorforge.hw.bind.registry import takes


@takes("Product")
def product(network: Network, node: Placed) -> Taken:
    """Of integers, and of bits for -1 and +1, which is their equality."""
    attributes = {
        "in_shape": network.shape(node.output[0]), **kinds(network, node.input), **out_width(network, node),
        "xnor": int(node.at["xnor"]),
    }  # fmt: skip
    return [node], [Bound("Product", node.name, attributes, {}, [node.name], node.input)]
