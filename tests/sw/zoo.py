"""The networks that tests go through: those for ImageNet, which take long, in the full runs only."""

import pytest

from xnorforge.sw import networks

from . import maps

NETS = [pytest.param(net, marks=[pytest.mark.full] * net.startswith("imagenet")) for net in networks.names()]
# One of each kind of layer, for `make test`.
FEW = ("mnist-tfc", "mnist-cnn", "cifar10-cnv_half", "cifar10-resnet20_half_8bit", *maps.NETS)
