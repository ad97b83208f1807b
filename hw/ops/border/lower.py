"""Convolutions of -1 and +1 inside a border of zeros, whose taps add nothing."""

from typing import ClassVar

import numpy as np

from xnorforge.flows.lower.emit import GroupedConv
from xnorforge.flows.lower.integers import conv
from xnorforge.flows.lower.registry import NEGATABLE, meaning


@meaning("SignedConv")
def signed_conv(x, at):
    """Bits read as -1 and +1, zeros around them: the taps beyond the border add nothing."""
    top, left, bottom, right = at["pads"]
    return conv(np.pad(2 * x - 1, ((0, 0), (top, bottom), (left, right), (0, 0))), at)


class SignedConv(GroupedConv):
    """Convolution of bits read as -1 and +1 inside a border of zeros, whose taps add nothing."""

    op = "SignedConv"
    numbers: ClassVar[dict[str, str]] = {**GroupedConv.numbers, "pads": "ints"}


NEGATABLE["SignedConv"] = "weights"
