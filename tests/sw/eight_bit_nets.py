"""Small networks with 8-bit ends, with numbers and statistics as training may leave them."""

import torch
from torch import nn

from xnorforge.sw.nn import binary, building_blocks, threshold_folding
from xnorforge.sw.nn.building_blocks import BiReal, Block, Copied, Network
from xnorforge.sw.nn.eight_bit import (
    EightBlock,
    EightConv,
    EightPooled,
    EightScores,
    EightShortcut,
    Features,
)
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted


def residual(wider, prelu: bool):
    """A stem and three convolutions, two of which halve an 8x8 map."""

    def build(layers) -> Network:
        return Network(
            EightConv(layers, 3, 4, 3, pad=1),
            BiReal(layers, 4, 8, 2, wider=wider, prelu=prelu), BiReal(layers, 8, 8, prelu=prelu),
            BiReal(layers, 8, 24, 2, wider=wider, prelu=prelu),
            EightPooled(layers, 2), EightScores(layers, 24, 10),
        )  # fmt: skip

    return build


def convolutions(layers) -> Network:
    """As VGG-small ends: the classifier reads a pooled map."""
    return Network(
        EightBlock(layers, 3, 8, 3, pad=1, pool=2), Block(layers, 8, 8, kernel=3, pad=1),
        Features(layers, 8, 16, kernel=3, pad=1, pool=2), nn.Flatten(), EightScores(layers, 64, 10),
    )  # fmt: skip


def dense(layers) -> Network:
    """As CNV ends: the classifier reads a dense layer."""
    return Network(
        EightBlock(layers, 3, 8, 3), Block(layers, 8, 8, kernel=3, pool=2), nn.Flatten(),
        Block(layers, 32, 16), Features(layers, 16, 16), EightScores(layers, 16, 10),
    )  # fmt: skip


RESIDUAL = {
    "copied": residual(Copied, False), "projected": residual(EightShortcut, False),
    "prelu": residual(EightShortcut, True),
}  # fmt: skip
EVERY = RESIDUAL | {"convolutions": convolutions, "dense": dense}


def drawn(build, layers=None, seed: int = 0) -> Network:
    """A network on its grid, in evaluation mode: statistics of noise, all other numbers drawn."""
    torch.manual_seed(seed)
    network = build(layers or binary.Plain())
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


def deployed(network: Network, build, layers=None) -> Network:
    """The same in Brevitas layers."""
    return threshold_folding.transfer(network, build(layers or binary.Brevitas()).eval())
