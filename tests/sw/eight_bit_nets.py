"""A small network with 8-bit ends, with numbers and statistics as training may leave them."""

import torch
from torch import nn

from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.building_blocks import BiReal, Network
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted


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
