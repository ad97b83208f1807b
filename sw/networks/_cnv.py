"""FINN's CNV in several widths."""

from torch import nn

from xnorforge.sw.nn.building_blocks import Block, Network, Scores


def cnv(width: int, scale: float) -> Network:
    """Six convolutions without padding, `width` times 1, 1, 2, 2, 4, 4, and three dense layers."""
    return Network(
        Block(3, width, kernel=3, pixels=True), Block(width, width, kernel=3, pool=2),
        Block(width, 2 * width, kernel=3), Block(2 * width, 2 * width, kernel=3, pool=2),
        Block(2 * width, 4 * width, kernel=3), Block(4 * width, 4 * width, kernel=3),
        nn.Flatten(),
        Block(4 * width, 8 * width), Block(8 * width, 8 * width),
        Scores(8 * width, 10, scale),
    )  # fmt: skip
