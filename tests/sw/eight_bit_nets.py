"""Small networks with 8-bit ends, with numbers and statistics as training may leave them."""

import torch
from torch import nn

from xnorforge.sw.methods import base
from xnorforge.sw.nn import building_blocks, threshold_folding
from xnorforge.sw.nn.building_blocks import BiReal, Copied, Network
from xnorforge.sw.nn.eight_bit import EightConv, EightPooled, EightScores, EightShortcut
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted


def residual(wider, prelu: bool):
    """A stem and three convolutions, two of which halve an 8x8 map."""

    def build() -> Network:
        return Network(
            EightConv(3, 4, 3, pad=1),
            BiReal(4, 8, 2, wider=wider, prelu=prelu), BiReal(8, 8, prelu=prelu),
            BiReal(8, 24, 2, wider=wider, prelu=prelu),
            EightPooled(2), EightScores(24, 10),
        )  # fmt: skip

    return build


RESIDUAL = {
    "copied": residual(Copied, False), "projected": residual(EightShortcut, False),
    "prelu": residual(EightShortcut, True),
}  # fmt: skip


def drawn(build, prepared=None, seed: int = 0) -> Network:
    """A network on its grid, in evaluation mode: statistics of noise, all other numbers drawn.

    Args:
        prepared: a fresh network to what a method trains; default plain training.
    """
    torch.manual_seed(seed)
    network = (prepared or base.create("ste").prepared)(build())
    with torch.no_grad():
        for _ in range(10):
            network(torch.randint(0, 256, (32, 3, 8, 8)).float())
        for part in network.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                part.weight.uniform_(-0.5, 1.5)
                part.bias.uniform_(-0.5, 0.5)
            if isinstance(part, Rectifier):
                part.slope.uniform_(-0.2, 1.2)
                if part.before.requires_grad:
                    part.before.uniform_(-0.5, 0.5)
                    part.after.uniform_(-0.5, 0.5)
            if isinstance(part, Shifted):
                part.alpha.uniform_(-0.5, 0.5)
    building_blocks.set_on_grid(network, True)
    return network.eval()


def deployed(network: Network, skeleton) -> Network:
    """The same as it is exported; `skeleton` makes the fresh network."""
    return threshold_folding.transfer(network, skeleton().eval())
