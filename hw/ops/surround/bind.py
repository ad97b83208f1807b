"""Borders that no window makes by itself: of several values, wider than a kernel, or not in front of one."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, NodeProto, Taken, ints
from xnorforge.hw.bind.nodes import BORDERS, border_at
from xnorforge.hw.bind.registry import takes


@takes(*BORDERS, rank=30)
def surround(network: Network, node: NodeProto) -> Taken:
    """FMPadding or Pad: one value."""
    pads, value = border_at(node)
    return _bound(network, node, pads, np.full(network.shape(node.input[0])[-1], value))


@takes("Surround")
def surround_by_channel(network: Network, node: NodeProto) -> Taken:
    """Our own node."""
    values = np.rint(network.constant(node.input[1])).astype(np.int64)
    return _bound(network, node, ints(node, "pads"), values)


def _bound(network: Network, node, pads, values):
    """Its output holds whatever the operator in front gives, and the border."""
    bits, signed = network.kind(node.input[0])
    low, high = min(int(values.min()), -(1 << (bits - 1)) if signed else 0), int(values.max())
    most = max(high, (1 << (bits - signed)) - 1)
    out_bits = max(most.bit_length(), (-low - 1).bit_length()) + 1 if low < 0 else most.bit_length()
    attributes = {"ifm": network.shape(node.input[0]), "pads": pads, **network.width(node.input[0])}
    attributes |= {"out_bits": out_bits, "out_signed": int(low < 0)}
    return [node], [Bound("Surround", node.name, attributes, {"values": values}, [node.name])]
