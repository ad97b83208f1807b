"""Of every cell the channel with the largest score."""

from fractions import Fraction

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.flows.bind.network import Bound, Network, get
from xnorforge.flows.bind.registry import ending, takes


@takes("LabelSelect")
def label(network: Network, node):
    """FINN's LabelSelect of the largest score; the first of equal ones."""
    if get(node, "K") != 1:
        return None
    bits, signed = network.kind(node.input[0])
    attributes = {"in_shape": network.shape(node.input[0]), "in_bits": bits, "in_signed": int(signed)}
    return [node], [Bound("ArgMax", node.name, attributes, nodes=[node.name])]


@ending("labels")
def arg_max(last: Bound, scale, bias) -> list[Bound]:
    """The channel with the largest scale * n + bias of every cell.

    With one scale s that is the largest n + b / s. Whole parts of b / s are offsets; of the rest only the
    order counts, so that it becomes digits behind the point: exact for any bias.
    """
    stream = last.make().out_stream()
    if len(stream.shape) != 3 or stream.shape[2] < 2:
        raise UserError(
            f"{last.name}: OUTPUT=labels needs a network that ends in a map of several channels, but this "
            f"one returns {stream.shape}; use OUTPUT=scores."
        )
    if np.ptp(scale) or scale[0] <= 0:
        raise UserError(
            f"{last.name}: its channels have scales from {min(scale):g} to {max(scale):g}, but OUTPUT=labels "
            "needs one positive scale for all of them; use OUTPUT=scores."
        )
    parts_of = [(Fraction(b) - Fraction(min(bias))) / Fraction(scale[0]) for b in bias]
    rests = sorted({share % 1 for share in parts_of})
    shift = (len(rests) - 1).bit_length()
    offset = np.array([(int(share // 1) << shift) + rests.index(share % 1) for share in parts_of])
    attributes = {
        "in_shape": list(stream.shape),
        "in_bits": stream.bits,
        "in_signed": int(stream.signed),
        "shift": shift,
    }
    arrays = {"offset": offset} if offset.any() else {}
    return [Bound("ArgMax", "arg_max", attributes, arrays, inputs=last.outputs, outputs=["arg_max_out"])]
