"""FINN's CNV in several widths."""

from torch import nn

from xnorforge.sw.nn.binary import Plain
from xnorforge.sw.nn.building_blocks import Block, Network, Scores


def cnv(layers: Plain, width: int, scale: float) -> Network:
    """Six convolutions without padding, with `width`, twice and four times as many channels, and three dense
    layers.
    """
    return Network(
        Block(layers, 3, width, kernel=3, pixels=True), Block(layers, width, width, kernel=3, pool=2),
        Block(layers, width, 2 * width, kernel=3), Block(layers, 2 * width, 2 * width, kernel=3, pool=2),
        Block(layers, 2 * width, 4 * width, kernel=3), Block(layers, 4 * width, 4 * width, kernel=3),
        nn.Flatten(),
        Block(layers, 4 * width, 8 * width), Block(layers, 8 * width, 8 * width),
        Scores(layers, 8 * width, 10, scale),
    )  # fmt: skip
