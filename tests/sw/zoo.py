"""The networks that tests go through: those for ImageNet, which take long, in the full runs only."""

import pytest

from xnorforge.sw import networks


def marked(names: list[str]) -> list:
    """Names as parameters of a test."""
    return [pytest.param(net, marks=pytest.mark.full) if net.startswith("imagenet") else net for net in names]


NETS = marked(networks.names())
