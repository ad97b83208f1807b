"""The node Maximum of lowered.onnx is the operator Maximum."""

from xnorforge.core.errors import UserError
from xnorforge.flows.bind.network import Bound
from xnorforge.flows.bind.registry import takes


@takes("Maximum")
def maximum(network, node):
    """Both streams must have one width."""
    kinds = {network.kind(tensor) for tensor in node.input}
    if len(kinds) > 1:
        raise UserError(f"{node.name}: its inputs have widths {sorted(kinds)}; quantise both alike.")
    [(bits, signed)] = kinds
    attributes = {"in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed)}
    inputs = list(node.input)
    return [node], [Bound("Maximum", node.name, attributes, nodes=[node.name], inputs=inputs)]
