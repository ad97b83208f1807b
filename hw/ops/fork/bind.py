"""One output per reader."""

from xnorforge.flows.bind.network import Bound, Network, NodeProto, Taken
from xnorforge.flows.bind.registry import takes


@takes("DuplicateStreams")
def fork(network: Network, node: NodeProto) -> Taken:
    """FINN's DuplicateStreams."""
    bits, signed = network.kind(node.input[0])
    attributes = {
        "in_shape": network.shape(node.input[0]), "readers": len(node.output), "bits": bits,
        "signed": int(signed),
    }  # fmt: skip
    return [node], [Bound("Fork", node.name, attributes, {}, [node.name])]
