"""Sums of integers with weights of several bits: what no narrower matrix operator builds."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, get
from xnorforge.hw.bind.nodes import (
    around,
    border_in_front,
    matrix_at,
    own_sizes,
    steps_behind,
    ungrouped,
    with_threshold,
)
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.streams import value_range


@takes("MVAU", rank=30)
def int_mvu(network: Network, node: NodeProto) -> Taken:
    """MVAU, thresholds inside."""
    unit = matrix_at(network, node)
    if unit.xnor:
        return None
    attributes = unit.attributes | widths(node.name, unit.weights, unit.bits, unit.signed)
    arrays = unit.arrays(unit.weights)
    return unit.nodes, [Bound("IntMvu", node.name, attributes, arrays, [one.name for one in unit.nodes])]


@takes("VVAU", rank=30)
def vvau(network: Network, node: NodeProto) -> Taken:
    """One kernel per channel, as a matrix that is 0 between channels."""
    weights = network.constant(node.input[1])[:, 0].transpose(1, 2, 0)  # (kh, kw, C)
    channels = weights.shape[2]
    whole = (weights.reshape(-1, channels)[:, None] * np.eye(channels)).reshape(-1, channels)
    return _with_thresholds(network, node, dense_unit(network, node, whole, *network.kind(node.input[0])))


@takes("GroupedConv")
def grouped_conv(network: Network, node: NodeProto) -> Taken:
    """A convolution in groups and its border: windows, and a matrix that is 0 between groups."""
    weights, sizes = network.constant(node.input[1]), own_sizes(network, node)
    pad = border_in_front(network, node, sizes)
    x = node.input[0] if pad is None else pad.input[0]
    window = Bound("Window", f"{node.name}_window", around(network, x, sizes, pad), inputs=[x])
    whole = ungrouped(weights, get(node, "groups"))
    unit = dense_unit(network, node, whole, *network.kind(node.input[0]))
    nodes, [unit] = _with_thresholds(network, node, unit)
    return [*([] if pad is None else [pad]), *nodes], [window, unit]


def _with_thresholds(network: Network, node, unit: Bound):
    """A unit with the thresholds behind its node."""
    nodes = with_threshold(network, node)
    steps = steps_behind(network, nodes)
    unit.nodes = [one.name for one in nodes]
    if steps is not None:
        unit.arrays["thresholds"] = steps
    return nodes, [unit]


def dense_unit(
    network: Network, node: NodeProto, weights: np.ndarray, bits: int, signed: bool, bipolar: int = 0
) -> Bound:
    """IntMvu of weights (window, outputs) up to the node's output; `bipolar`: bits are -1, +1."""
    (*image, outputs), length = network.shape(node.output[0]), len(weights)
    attributes = {
        "mw": length, "mh": outputs, "vectors": int(np.prod(image)), "in_shape": [*image, length],
        "out_shape": [*image, outputs], **widths(node.name, weights, bits, signed, bipolar),
    }  # fmt: skip
    return Bound("IntMvu", node.name, attributes, {"weights": np.rint(weights).astype(np.int64)})


def widths(name: str, weights: np.ndarray, bits: int, signed: bool, bipolar: int = 0) -> dict[str, int]:
    """Widths of an IntMvu; its sums hold whatever the bits of its input can be, though lowered sums may reach
    less far.

    Raises:
        UserError: inputs or weights are wider than the operator takes.
    """
    for what, given, most, cure in (
        ("inputs", bits, 16, "put a quantiser before it"),
        ("weights", _bits_of(weights), 16, "quantise them to 16 bits"),
    ):
        if given > most:
            raise UserError(f"{name}: its {what} have {given} bits, but at most {most} are possible; {cure}.")
    ends = [end * weights for end in ((-1, 1) if bipolar else value_range(bits, signed))]
    reach = np.array([np.minimum(*ends).sum(axis=0).min(), np.maximum(*ends).sum(axis=0).max()])
    found = {"in_bits": bits, "in_signed": int(signed)}
    found |= {"w_bits": _bits_of(weights), "out_bits": _bits_of(reach)}
    return found | ({"bipolar": 1} if bipolar else {})


def _bits_of(weights) -> int:
    """Bits of two's complement, 2 at least."""
    low, high = int(weights.min()), int(weights.max())
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1
