"""Channels side by side."""

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.nodes import kinds
from xnorforge.hw.bind.registry import takes


def _out_width(network: Network, node) -> dict[str, int]:
    """Width of the output: that of the lowered tensor, or more where an operator in front gives more."""
    given = [network.declared(node.output[0]), *(network.kind(tensor) for tensor in node.input)]
    signed = any(sign for _, sign in given)
    return {"out_bits": max(bits + (signed and not sign) for bits, sign in given), "out_signed": int(signed)}


@takes("Concat")
def concat(network: Network, node: Placed) -> Taken:
    """Channels of all inputs."""
    inputs = list(node.input)
    attributes = {
        "out_shape": network.shape(node.output[0]),
        "channels": [network.shape(tensor)[-1] for tensor in inputs],
        **kinds(network, inputs), **_out_width(network, node),
    }  # fmt: skip
    return [node], [Bound("Concat", node.name, attributes, {}, [node.name], inputs)]
