"""The networks that tests go through: those for ImageNet, which take long, in the full runs only."""

import pytest

from xnorforge.sw import networks

NETS = [pytest.param(net, marks=[pytest.mark.full] * net.startswith("imagenet")) for net in networks.names()]
