"""The ends of a network in 8-bit fixed point: stem, 1x1 shortcuts and classifier, which papers keep real.

In training their weights are real. In the last epochs (`on_grid`), and deployed, everything is whole numbers:

    pixels          k / 128, k in -128..127
    activations     k * limit / 128 (`binary.eight_act`), to which a stream of real numbers is rounded
    weights         q / 128, |q| <= 127, times one power of two per layer if a batch norm follows

The batch norm after a convolution multiplies channel c by a_c. W_c a_c = 2^k q_c / 128 moves it into the
weights, with the smallest k >= 0 that fits, and leaves a shift in 4,096ths. A stream that starts with pixels
therefore has 14 fraction bits, and one after a 1x1 convolution at most as many.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.building_blocks import FRACTION, SHIFT_LIMIT
from xnorforge.sw.nn.rectifiers import InPlaceOf, on_steps

STEP, MOST = 2.0**-7, 127 * 2.0**-7  # of weights
LIMIT = 8.0  # of activations: a stream of a handful of normed summands seldom leaves [-8, 8)
LARGEST_UNIT = 6  # the largest k: a channel that hardly ever changes would ask for more
# Largest sum of |weights| of a score, in steps of 2^-7: features are multiples of 2^-10 up to 8, so that any
# sum of products is below 2^24 of its steps, which float32 holds.
REACH = 16.0


class Folded2d(nn.BatchNorm2d):
    """Batch norm after 8-bit weights; with `on_grid` its running statistics do not change."""

    on_grid = False
    running_mean: Any
    running_var: Any


class EightConv(nn.Module):
    """norm(conv(x)): pixels or 8-bit activations to a real stream; padding is 0."""

    on_grid = False

    def __init__(self, inputs: int, outputs: int, kernel: int, pad: int = 0, stride: int = 1):
        super().__init__()
        self.pad: nn.ConstantPad2d | nn.Identity = nn.ConstantPad2d(pad, 0.0) if pad else nn.Identity()
        self.dot: AnyModule = binary.eight_conv(inputs, outputs, kernel, stride)
        self.norm: Folded2d = Folded2d(outputs)

    def constants(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return integers q as q / 128, shaped like the weights, the power of two 2^k, and the shift (C,); no
        gradients.
        """
        wanted, shift = (part.detach() for part in self.wanted())
        _, exponent = torch.frexp(wanted.abs().max() * (128 / 127))
        unit = torch.ldexp(torch.ones_like(shift[0]), exponent.clamp(0, LARGEST_UNIT))
        return (
            on_steps(wanted / unit, STEP, -MOST, MOST),
            unit,
            on_steps(shift, 2.0**-FRACTION, -SHIFT_LIMIT, SHIFT_LIMIT),
        )

    def wanted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the weights times the gain of batch norm, and its shift, without rounding."""
        gain = self.norm.weight * (self.norm.running_var + self.norm.eps).rsqrt()
        return self.dot.weight * gain[:, None, None, None], self.norm.bias - self.norm.running_mean * gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.on_grid:
            return self.norm(self.dot(self.pad(x)))
        (wanted, moved), (weights, unit, shift) = self.wanted(), self.constants()
        with torch.autocast(x.device.type, enabled=False):
            sums = F.conv2d(
                self.pad(x.float()), InPlaceOf.apply(wanted, weights * unit), None, self.dot.stride
            )
            return sums + InPlaceOf.apply(moved, shift)[:, None, None]

    @torch.no_grad()
    def write_to(self, deployed: "EightConv") -> None:
        """Write weights q / 128, and a batch norm with gain 2^k and the shift, into the deployed module."""
        weights, unit, shift = self.constants()
        deployed.dot.weight.copy_(weights)
        norm = deployed.norm
        norm.weight.copy_(unit.expand_as(shift))
        norm.bias.copy_(shift)
        norm.running_mean.zero_()
        norm.running_var.fill_(1)
        norm.eps = 1e-30  # 1 + eps is 1


class EightShortcut(nn.Module):
    """The shortcut norm(conv1x1(x)) with 8-bit weights, x rounded to 8 bits."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.act: binary.Identity = binary.eight_act(LIMIT)
        self.conv: EightConv = EightConv(inputs, outputs, 1, stride=stride)

    def forward(self, x: torch.Tensor, _: object) -> torch.Tensor:
        return self.conv(self.act(x))


class EightPooled(nn.Module):
    """A real stream to numbers: 8 bits, then the mean over a map of `size` x `size` pixels."""

    def __init__(self, size: int):
        super().__init__()
        self.act: binary.Identity = binary.eight_act(LIMIT)
        self.mean = nn.AvgPool2d(size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mean(self.act(x)).flatten(1)


class EightScores(nn.Module):
    """The last dense layer with 8-bit weights: the scores, without a bias."""

    on_grid = False

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.dot: AnyModule = binary.eight_linear(inputs, classes)

    @torch.no_grad()
    def rounded(self) -> torch.Tensor:
        """Return the weights as they are deployed: multiples of 1/128, or coarser ones if their sums are
        large.
        """
        weights = self.dot.weight
        _, exponent = torch.frexp(weights.abs().sum(1).max() / REACH)
        step = torch.ldexp(torch.full_like(weights[0, 0], STEP), exponent.clamp(min=0))
        most = torch.floor(MOST / step) * step
        return ((weights / step).round() * step).clamp(-most, most)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.on_grid:
            return self.dot(x)
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float(), InPlaceOf.apply(self.dot.weight, self.rounded()))

    @torch.no_grad()
    def write_to(self, deployed: "EightScores") -> None:
        """Write the rounded weights into the deployed module."""
        deployed.dot.weight.copy_(self.rounded())
