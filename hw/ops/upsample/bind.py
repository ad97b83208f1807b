"""Every pixel repeated."""

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.hw.bind.registry import takes


@takes("UpsampleNearestNeighbour")
def upsample(network: Network, node: NodeProto) -> Taken:
    """FINN's UpsampleNearestNeighbour."""
    ifm, ofm = network.shape(node.input[0]), network.shape(node.output[0])
    factor = [after // before for before, after in zip(ifm[:2], ofm)]
    attributes = {"ifm": ifm, "factor": factor, **network.width(node.input[0], "")}
    return [node], [Bound("Upsample", node.name, attributes, {}, [node.name])]
