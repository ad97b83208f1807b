"""Networks that tests go through, those of their own, and ends of residual networks: bits, or 8 bits."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.building_blocks import Affine2d, BiReal, Network
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted

from . import maps

NETS = [pytest.param(net, marks=[pytest.mark.full] * net.startswith("imagenet")) for net in networks.names()]
# One of each kind of layer, for `make test`.
FEW = ("mnist-tfc", "mnist-cnn", "cifar10-cnv_half", "cifar10-resnet20_half_8bit", *maps.NETS)


def give_network(monkeypatch, net: str, build) -> None:
    """Let `networks.build(net)` call a function."""
    before = networks.load
    given = SimpleNamespace(build=build)
    monkeypatch.setattr(networks, "load", lambda name: given if name == net else before(name))


# Of gain and shift: sums of pixels are multiples of 2^-7, so the stream has 12 fraction bits.
FRACTION = 5


class Stem(nn.Module):
    """Pixels to a real stream: 3x3 convolution, batch norm on a grid."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.pad = nn.ConstantPad2d(1, -1.0)
        self.dot = binary.conv(inputs, outputs, 3)
        self.norm = Affine2d(outputs, 9 * inputs, FRACTION)

    def forward(self, x):
        return self.norm(self.dot(self.pad(x)))


class Pooled(nn.Module):
    """A real stream to numbers: sign, the mean over `size` x `size` pixels, size * size a power of two."""

    def __init__(self, size: int):
        super().__init__()
        self.sign = binary.sign_layer()
        self.mean = nn.AvgPool2d(size)

    def forward(self, x):
        return self.mean(self.sign(x)).flatten(1)


def residual() -> Network:
    """A stem and three convolutions, two of which halve an 8x8 map."""
    means = nn.Sequential(binary.eight_act(8.0), nn.AvgPool2d(2), nn.Flatten())
    body = BiReal(4, 8, 2), BiReal(8, 8), BiReal(8, 24, 2)
    return Network(binary.stem(4), *body, means, binary.eight_linear(24, 10))


def drawn(method: base.Method, seed: int = 0) -> nn.Module:
    """The network in training form, on its grid, to evaluate: statistics of noise, other numbers drawn."""
    torch.manual_seed(seed)
    network = method.prepared(method.structured(residual()))
    with torch.no_grad():
        for _ in range(10):
            network(torch.randint(0, 256, (32, 3, 8, 8)).float())
        for part in network.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.weight.uniform_(-0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
            if isinstance(part, binary.Conv) and part.bias is not None:
                part.bias.uniform_(-0.5, 0.5)
            if isinstance(part, Rectifier):
                part.slope.uniform_(-0.2, 1.2)
                part.before.uniform_(-0.5, 0.5)
                part.after.uniform_(-0.5, 0.5)
            if isinstance(part, Shifted):
                part.alpha.uniform_(-0.5, 0.5)
    building_blocks.set_on_grid(network, True)
    return network.eval()
