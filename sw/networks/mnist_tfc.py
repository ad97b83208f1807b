"""FINN's TFC-W1A1: dense 784-64-64-64-10 on a picture binarised at 128; 59,008 weights."""

from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn.binary import Plain
from xnorforge.sw.nn.building_blocks import Bits, Block, Network, Scores

RECIPE = Recipe(epochs=60, batch=128, lr=5e-3, bf16=False)
INTERVAL = 1024


def build(layers: Plain) -> Network:
    """The network of these layers."""
    return Network(
        Bits(layers), Block(layers, 784, 64), Block(layers, 64, 64), Block(layers, 64, 64),
        Scores(layers, 64, 10, 2**-3),
    )  # fmt: skip
