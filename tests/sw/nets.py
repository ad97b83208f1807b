"""Networks that tests go through, and a small residual one with drawn numbers."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import building_blocks, stream
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted

from . import maps

NETS = [pytest.param(net, marks=[pytest.mark.full] * net.startswith("imagenet")) for net in networks.names()]
# One of each kind of layer, for `make test`.
FEW = ("mnist-tfc", "mnist-cnn", "cifar10-cnv_half", "cifar10-resnet20_half", *maps.NETS)


def give_network(monkeypatch, net: str, build) -> None:
    """Let `networks.build(net)` call a function."""
    before = networks.load
    given = SimpleNamespace(build=build)
    monkeypatch.setattr(networks, "load", lambda name: given if name == net else before(name))


def drawn(method: base.Method, seed: int = 0) -> nn.Module:
    """A stem and four convolutions with shortcuts, of which one halves an 8x8 map, in training form, on its
    grid, to evaluate: statistics of noise, other numbers drawn."""
    torch.manual_seed(seed)
    network = stream.residual_stream((4, 4, 8), 2, size=8, wider=stream.Repeated)
    network = method.prepared(method.adapted(network, (3, 8, 8)))
    with torch.no_grad():
        for _ in range(10):
            network(torch.randint(0, 256, (32, 3, 8, 8)).float())
        for part in network.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.weight.uniform_(-0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
            if isinstance(part, stream.Slopes):
                part.weight.uniform_(-0.2, 1.3)
            if isinstance(part, Rectifier):
                part.slope.uniform_(-0.2, 1.2)
                part.before.uniform_(-0.5, 0.5)
                part.after.uniform_(-0.5, 0.5)
            if isinstance(part, Shifted):
                part.alpha.uniform_(-0.5, 0.5)
    building_blocks.set_on_grid(network, True)
    return network.eval()
