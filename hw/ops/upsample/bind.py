"""Every pixel repeated."""

from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.flows.bind.registry import takes


@takes("UpsampleNearestNeighbour")
def upsample(network: Network, node: NodeProto) -> Taken:
    """FINN's UpsampleNearestNeighbour."""
    bits, signed = network.kind(node.input[0])
    (height, width, _), (tall, wide, _) = network.shape(node.input[0]), network.shape(node.output[0])
    attributes = {
        "ifm": network.shape(node.input[0]), "factor": [tall // height, wide // width], "bits": bits,
        "signed": int(signed),
    }  # fmt: skip
    return [node], [Bound("Upsample", node.name, attributes, {}, [node.name])]
