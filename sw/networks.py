"""The networks: raw pixels 0..255 in, scores out, every layer binary.

A network is a chain of blocks `convolution or dense -> batch norm -> pool -> sign` and a last dense layer whose sums
are the scores, times one power of two. Nothing else happens to a score (no bias, no batch norm per class), so the class
is the index of the largest match count, exactly, also in hardware.

Pixels enter as float 0..255 and become x / 128 - 1 in [-1, 127/128]: exact in float32, in bfloat16 and as integers.
A convolution that keeps its size is padded with -1, which is a bit; 0 is none.
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import nn

from xnorforge.errors import unknown
from xnorforge.sw.binary import Brevitas, Plain


class Block(nn.Module):
    """Convolution (or dense layer if `kernel` is None), batch norm, pool, sign.

    Training pools before the sign: afterwards the gradient would go to the first +1 of a window instead of its maximum.
    Evaluation pools after it: the same bits, and in hardware an OR.
    """

    def __init__(
        self, layers: Plain, inputs: int, outputs: int, kernel: int | None = None, pad: int = 0, pool: int = 1
    ):
        super().__init__()
        dense = kernel is None
        self.pad = nn.ConstantPad2d(pad, -1.0) if pad else nn.Identity()
        self.dot = layers.linear(inputs, outputs) if dense else layers.conv(inputs, outputs, kernel)
        self.norm = (nn.BatchNorm1d if dense else nn.BatchNorm2d)(outputs)
        self.sign = layers.sign()
        self.pool = pool

    def forward(self, x):
        x = self.norm(self.dot(self.pad(x)))
        if self.pool == 1:
            return self.sign(x)
        if self.training:
            return self.sign(F.max_pool2d(x, self.pool))
        return F.max_pool2d(self.sign(x), self.pool)


class Scores(nn.Module):
    """The last dense layer; `scale` is a power of two that brings sums to the range of a softmax."""

    def __init__(self, layers: Plain, inputs: int, classes: int, scale: float):
        super().__init__()
        self.dot = layers.linear(inputs, classes)
        self.scale = scale

    def forward(self, x):
        return self.dot(x) * self.scale


class Bits(nn.Sequential):
    """The picture as bits: sign of the pixels, so +1 from 128 on."""

    def __init__(self, layers: Plain):
        super().__init__(nn.Flatten(), layers.sign())


class Network(nn.Sequential):
    """Parts in a row behind the pixels' change of scale."""

    def forward(self, x):
        return super().forward(x / 128 - 1)


def mnist_tfc(layers: Plain) -> Network:
    """784-64-64-64-10, dense; the picture becomes bits at 128. 59,008 weights; FINN's TFC-W1A1."""
    return Network(
        Bits(layers), Block(layers, 784, 64), Block(layers, 64, 64), Block(layers, 64, 64),
        Scores(layers, 64, 10, 2**-3),
    )  # fmt: skip


def mnist_cnn(layers: Plain) -> Network:
    """Three convolutions (32, 64, 64) and two dense layers (128, 10) on 28x28 grey pixels; 187,936 weights."""
    return Network(
        Block(layers, 1, 32, kernel=3, pool=2),
        Block(layers, 32, 64, kernel=3, pad=1, pool=2),
        Block(layers, 64, 64, kernel=3),
        nn.Flatten(),
        Block(layers, 1024, 128), Scores(layers, 128, 10, 2**-4),
    )  # fmt: skip


def cifar10_cnv(layers: Plain) -> Network:
    """FINN's CNV-W1A1: convolutions 64-64-pool-128-128-pool-256-256 without padding, dense 512-512-10; 1,542,848 weights."""
    return Network(
        Block(layers, 3, 64, kernel=3), Block(layers, 64, 64, kernel=3, pool=2),
        Block(layers, 64, 128, kernel=3), Block(layers, 128, 128, kernel=3, pool=2),
        Block(layers, 128, 256, kernel=3), Block(layers, 256, 256, kernel=3),
        nn.Flatten(),
        Block(layers, 256, 512), Block(layers, 512, 512), Scores(layers, 512, 10, 2**-6),
    )  # fmt: skip


NETWORKS: dict[str, Callable[[Plain], Network]] = {
    "mnist-tfc": mnist_tfc,
    "mnist-cnn": mnist_cnn,
    "cifar10-cnv": cifar10_cnv,
}


def names() -> list[str]:
    """The networks there are: the values of NET."""
    return sorted(NETWORKS)


def build(net: str, layers: Plain | None = None) -> Network:
    """A fresh network; layers are Brevitas' unless others are given.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    if net not in NETWORKS:
        raise unknown("NET", net, names())
    return NETWORKS[net](layers or Brevitas())
