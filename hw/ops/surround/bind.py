"""Borders that no window makes by itself: of several values, wider than a kernel, or not in front of one."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes


@takes("Pad", rank=30)
def surround(network: Network, node: Placed) -> Taken:
    """One value."""
    return _bound(network, node, np.full(network.shape(node.input[0])[-1], node.at["value"]))


@takes("Surround")
def surround_by_channel(network: Network, node: Placed) -> Taken:
    """One per channel."""
    return _bound(network, node, node.at["values"])


def _bound(network: Network, node: Placed, values: np.ndarray) -> Taken:
    """Its output holds whatever the operator in front gives, and the border."""
    bits, signed = network.kind(node.input[0])
    low, high = min(int(values.min()), -(1 << (bits - 1)) if signed else 0), int(values.max())
    most = max(high, (1 << (bits - signed)) - 1)
    out_bits = max(most.bit_length(), (-low - 1).bit_length()) + 1 if low < 0 else most.bit_length()
    attributes = {"ifm": network.shape(node.input[0]), "pads": list(node.at["pads"])}
    attributes |= {**network.width(node.input[0]), "out_bits": out_bits, "out_signed": int(low < 0)}
    return [node], [Bound("Surround", node.name, attributes, {"values": values}, [node.name])]
