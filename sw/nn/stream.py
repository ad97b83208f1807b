"""Residual networks in the frame of BONN's released network (J. Gu et al., "Bayesian Optimized 1-Bit CNNs",
ICCV 2019), written with Brevitas' layers:

    y = PReLU(x + 2^-k conv(sign(BN(x))))

Batch norm stands in front of the sign, as a learned threshold per channel, and not behind the convolution, so
that a method's scale of the weights changes what is added. Everything in the stream is a shift or a sum:

    weights      -1 or +1 times 2^-k, one k per layer, learned; 2^k starts near 2 sqrt(products in a sum), so
                 that what is added has a root mean square near 1/2
    slopes       1/8, 1/4, 1/2 or 1
    stream       12 bits: multiples of 2^-8 in [-8, 8), rounded down

Stem, 1x1 shortcuts and classifier have 8-bit weights q / 128. A shortcut that changes the shape reads the
mean over 2x2 pixels; it is a 1x1 convolution (`Convolved`) or repeats the channels (`Repeated`). VGG networks
have no shortcuts (`Plain`).

Float32 computes all of this exactly, batch norm apart, whose sign is a threshold on the stream. The modules
compute the same in training and deployed; there is nothing to convert.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from brevitas.inject.enum import FloatToIntImplType
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import LATENT_START, TriangularSign
from xnorforge.sw.nn.rectifiers import InPlaceOf

LIMIT, BITS = 8.0, 12  # of the stream
STAGE = 6  # 3x3 convolutions

Wider: TypeAlias = Callable[[int, int, int], nn.Module]  # (inputs, outputs, stride)


class RoundedDown(binary.EightActivations):
    """The largest multiple of LIMIT / 2**(BITS - 1) in [-LIMIT, LIMIT) not above x; gradients pass inside."""

    bit_width, scaling_init = BITS, LIMIT
    float_to_int_impl_type = FloatToIntImplType.FLOOR


def rounded() -> binary.Identity:
    """Return the layer that rounds to the stream."""
    return binary.Identity(act_quant=RoundedDown)


class Slopes(nn.PReLU):
    """PReLU with slopes rounded to 1/8, 1/4, 1/2 or 1, by logarithm; the gradient passes."""

    def __init__(self, channels: int):
        super().__init__(channels, init=0.5)

    def rounded(self) -> torch.Tensor:
        """Return the slopes on their grid: 1/8, doubled at each place half-way to the next, by logarithm."""
        doubled = ((self.weight.detach() > 2.0 ** (e + 0.5)) * 2.0**e for e in (-3, -2, -1))
        return sum(doubled, torch.full_like(self.weight, 2.0**-3))

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.prelu(input, InPlaceOf.apply(self.weight, self.rounded()))


class Stem(nn.Module):
    """PReLU(conv(pixels)) with 8-bit weights, padded with 0: starts the stream. `large` is the stem for
    ImageNet's pictures: 7x7 of stride 2 in place of 3x3, and the largest of 3x3 of stride 2."""

    def __init__(self, inputs: int, outputs: int, large: bool = False):
        super().__init__()
        edge, stride = (7, 2) if large else (3, 1)
        self.conv: binary.Conv = binary.Conv(
            inputs, outputs, edge, stride, edge // 2, bias=False, weight_quant=binary.EightWeights
        )
        self.slopes, self.stream = Slopes(outputs), rounded()
        self.pool: nn.MaxPool2d | nn.Identity = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        # Pixels in [-1, 1) of natural pictures have a root mean square near a half; the stream starts near 1.
        nn.init.normal_(self.conv.weight, std=min(0.4, 2 * (edge * edge * inputs) ** -0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.stream(self.slopes(self.conv(x))))


class Added(nn.Module):
    """2^-k conv3x3(sign(BN(x))): what a residual block adds to the stream. The border is -1. k starts such
    that a sum of random bits has a root mean square in [0.35, 0.71]. `rate` is the dilation."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, rate: int = 1):
        super().__init__()
        self.norm, self.sign = nn.BatchNorm2d(inputs), binary.sign_layer(TriangularSign)
        self.pad: nn.ConstantPad2d = nn.ConstantPad2d(rate, -1.0)
        k = round(math.log2(9 * inputs) / 2) + 1
        self.conv: binary.Conv = binary.Conv(
            inputs, outputs, 3, stride=stride, dilation=rate, bias=False,
            weight_quant=binary.ShiftedWeights, weight_scaling_init=2.0**-k,
        )  # fmt: skip
        nn.init.uniform_(self.conv.weight, -LATENT_START, LATENT_START)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.pad(self.sign(self.norm(x))))


class Convolved(nn.Module):
    """The shortcut conv1x1 of the mean over `stride` x `stride` pixels, 8-bit activations and weights."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.mean: nn.AvgPool2d | nn.Identity = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.eight: binary.Identity = binary.eight_act(LIMIT)
        self.conv: binary.Conv = binary.Conv(inputs, outputs, 1, bias=False, weight_quant=binary.EightWeights)
        nn.init.normal_(self.conv.weight, std=min(0.4, inputs**-0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(self.eight(self.mean(x)))


class Repeated(nn.Module):
    """The shortcut without weights: the mean over `stride` x `stride` pixels, with repeated channels."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.mean, self.times = nn.AvgPool2d(stride), outputs // inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.mean(x)] * self.times, 1)


class Residual(nn.Module):
    """PReLU(shortcut(x) + 2^-k conv3x3(sign(BN(x)))), rounded down; `wider` changes the shape."""

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, wider: Wider = Convolved, rate: int = 1
    ):  # fmt: skip
        super().__init__()
        self.added: Added = Added(inputs, outputs, stride, rate)
        same = (inputs, stride) == (outputs, 1)
        self.shortcut: nn.Module = nn.Identity() if same else wider(inputs, outputs, stride)
        self.slopes, self.stream = Slopes(outputs), rounded()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stream(self.slopes(self.shortcut(x) + self.added(x)))


class Plain(nn.Module):
    """PReLU(2^-k conv3x3(sign(BN(x)))), the largest of `pool` x `pool` pixels, unrounded."""

    def __init__(self, inputs: int, outputs: int, pool: int = 1):
        super().__init__()
        self.added, self.slopes = Added(inputs, outputs), Slopes(outputs)
        self.pool: nn.MaxPool2d | nn.Identity = nn.MaxPool2d(pool) if pool > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.slopes(self.pool(self.added(x)))


class Classifier(nn.Module):
    """The mean over a map of `size` x `size` pixels in 8 bits, and a dense layer with 8-bit weights."""

    def __init__(self, inputs: int, classes: int, size: int):
        super().__init__()
        self.mean = nn.AvgPool2d(size)
        self.eight: binary.Identity = binary.eight_act(LIMIT)
        self.dot: binary.Linear = binary.Linear(inputs, classes, bias=False, weight_quant=binary.EightWeights)
        nn.init.normal_(self.dot.weight, std=inputs**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dot(self.eight(self.mean(x)).flatten(1))


class Pixels(nn.Module):
    """Pixels 0 .. 255 to [-1, 1)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 128 - 1


def residual_stream(
    widths: tuple[int, ...], blocks: int | tuple[int, ...] = STAGE, size: int = 32, classes: int = 10,
    wider: Wider = Convolved,
) -> nn.Sequential:  # fmt: skip
    """A stem, stages of `blocks` 3x3 convolutions of widths[1:] channels, each but the first at half the size
    of the one before, and a classifier; `size` is that of the pictures, which from 224 on have the large
    stem. `wider` is the shortcut that changes the shape."""
    large = size >= 224
    parts: list[nn.Module] = [Pixels(), Stem(3, widths[0], large)]
    inputs, size = widths[0], size // 4 if large else size
    stages = (blocks,) * len(widths[1:]) if isinstance(blocks, int) else blocks
    for stage, (outputs, count) in enumerate(zip(widths[1:], stages, strict=True)):
        for at in range(count):
            parts.append(Residual(inputs, outputs, 2 if stage and not at else 1, wider=wider))
            inputs = outputs
    return nn.Sequential(*parts, Classifier(inputs, classes, size >> len(widths) - 2))


def plain_stream(widths: tuple[int, ...], size: int = 32, classes: int = 10) -> nn.Sequential:
    """A stem and 3x3 convolutions, two of each width with a 2x2 pool behind the second, rounding to 8 bits,
    and a classifier; `size` is that of the pictures."""
    parts: list[nn.Module] = [Pixels(), Stem(3, widths[0])]
    inputs = widths[0]
    for stage, outputs in enumerate(widths):
        if stage:
            parts.append(Plain(inputs, outputs))
        parts.append(Plain(outputs, outputs, pool=2))
        inputs = outputs
    rounded = binary.Identity(act_quant=RoundedDown, bit_width=8)
    return nn.Sequential(*parts, rounded, Classifier(inputs, classes, size >> len(widths)))
