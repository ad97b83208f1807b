"""Borders that no window makes by itself: of several values, wider than a kernel, or not in front of one."""

import numpy as np

from xnorforge.hw.bind.network import Bound, Network, Placed, Taken
from xnorforge.hw.bind.registry import takes
from xnorforge.hw.streams import kind_of, value_range


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
    low, high = value_range(*network.kind(node.input[0]))
    bits, signed = kind_of(min(low, int(values.min())), max(high, int(values.max())))
    attributes = {"ifm": network.shape(node.input[0]), "pads": list(node.at["pads"])}
    attributes |= {**network.width(node.input[0]), "out_bits": bits, "out_signed": int(signed)}
    return [node], [Bound("Surround", node.name, attributes, {"values": values}, [node.name])]
