"""The parts that chains are made of. Bits run between them, -1 and +1: `Block` reads and writes them; a sign
follows each batch norm, and both are one threshold.

A batch norm whose output goes into a sum of branches (`Affine2d`) cannot become a threshold. It keeps two
constants per channel, and training ends with both on a binary grid, so that the sum is a whole number of
grid steps and float32, ONNX and integers agree with `==`.

A network is deployed as it trained (`as_trained`). A part whose numbers are on a grid at the end stores them
as they are deployed (`store_deployed`).

A convolution that keeps the size is padded with -1, which is a bit; 0 is not.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule

# Fraction bits of gain and shift. Sums of bits are whole numbers, and float32 holds 24 bits.
FRACTION = 12
# Largest |gain| * reach and |shift|. A sum of N random bits has variance N, so gain * N is near sqrt(N) <=
# 48: trained networks stay inside, a channel that hardly ever changes its sum (variance near 0) is cut.
GAIN_LIMIT, SHIFT_LIMIT = 64.0, 32.0


class _Round(torch.autograd.Function):
    """Nearest multiple of `step`, with the gradient of the identity."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor, step) -> torch.Tensor:
        return torch.round(x / step) * step

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: ARG004
        return *gradients, None


class Affine2d(nn.BatchNorm2d):
    """Batch norm in front of a sum. With `on_grid` it is gain * x + shift, both rounded to a binary grid, and
    its running statistics do not change.

    Args:
        channels: channels of x, (N, C, H, W).
        reach: largest |x|; it bounds the gain.
        fraction: fraction bits of gain and shift.
    """

    on_grid = False
    weight: nn.Parameter
    bias: nn.Parameter
    running_mean: Any
    running_var: Any

    def __init__(self, channels: int, reach: int, fraction: int = FRACTION):
        super().__init__(channels)
        self.limit, self.step = GAIN_LIMIT / reach, 2.0**-fraction

    def constants(self) -> tuple[torch.Tensor, ...]:
        """Return gain and shift, (C,), on the grid: those of gamma * (x - mean) / sqrt(var + eps) + beta."""
        gain = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * gain
        cut = gain.clamp(-self.limit, self.limit), shift.clamp(-SHIFT_LIMIT, SHIFT_LIMIT)
        return tuple(_Round.apply(one, self.step) for one in cut)

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Store gain and shift on their grid, with statistics that leave them as they are."""
        gain, shift = Affine2d.constants(self)
        self.weight.copy_(gain)
        self.bias.copy_(shift)
        self.running_mean.zero_()
        self.running_var.fill_(1 - self.eps)  # plus eps it is 1 in float32

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not self.on_grid:
            return super().forward(input)
        gain, shift = (constant.view(-1, *[1] * (input.dim() - 2)) for constant in self.constants())
        return input.float() * gain + shift


def set_on_grid(network: nn.Module, on_grid: bool) -> None:
    """Switch the rounding to a binary grid on or off, in `Affine2d` and every other module with `on_grid`."""
    part: AnyModule
    for part in network.modules():
        if hasattr(part, "on_grid"):
            part.on_grid = on_grid


def as_trained(network: nn.Module) -> nn.Module:
    """Put a trained network on its grid and let it be exported; return it in evaluation mode."""
    set_on_grid(network, True)
    part: AnyModule
    for part in list(network.modules()):
        if hasattr(part, "store_deployed"):
            part.store_deployed()
    return binary.allow_export(network).eval()


def binarised(part: AnyModule, x: torch.Tensor) -> torch.Tensor:
    """Return the bits of x, pooled, by a part with `sign` and `pool`.

    Training pools before the sign: otherwise the gradient would go to the first +1 of a window instead of its
    maximum. Evaluation pools after it: the bits are the same, and hardware needs only an OR."""
    if part.pool == 1:
        return part.sign(x)
    if part.training:
        return part.sign(F.max_pool2d(x, part.pool))
    return F.max_pool2d(part.sign(x), part.pool)


class MultiRate(nn.Module):
    """The sum over rates r of conv_r(x), dilated by r and padded with -1 by `pad` * r: one dot product of K *
    K taps per rate.

    This is Group-Net's parallel atrous convolution with equal weights of the branches; in hardware it is one
    XNOR-popcount."""

    def __init__(self, inputs: int, outputs: int, kernel: int, pad: int, rates: Sequence[int]):
        super().__init__()
        self.pads: nn.ModuleList = nn.ModuleList(nn.ConstantPad2d(pad * rate, -1.0) for rate in rates)
        self.dots = nn.ModuleList(binary.conv(inputs, outputs, kernel, dilation=rate) for rate in rates)
        self.rates = rates

    def forward(self, x: torch.Tensor):
        return sum(dot(pad(x)) for pad, dot in zip(self.pads, self.dots))


def added_in(dot: nn.Module) -> list[AnyModule]:
    """Return the layers whose sums are added up to the sums of a part's `dot`."""
    return list(dot.dots) if isinstance(dot, MultiRate) else [dot]


def length_of(dot: nn.Module) -> int:
    """Return the number of products in a sum of a layer."""
    return sum(layer.weight[0].numel() for layer in added_in(dot))


def whole_sums(network: nn.Module) -> list[AnyModule]:
    """Layers whose sums are added up, so that none of them may be scaled."""
    return [layer for part in network.modules() if isinstance(part, MultiRate) for layer in part.dots]


class Block(nn.Module):
    """Convolution (or dense layer if `kernel` is None), batch norm, pool, sign: bits (or pixels) to bits.

    With several `rates` it sums a convolution per dilation (`MultiRate`). A method changes sums in `mix`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | None = None, pad: int = 0, pool: int = 1,
        pixels: bool = False, stride: int = 1, rates: Sequence[int] = (1,),
    ):  # fmt: skip
        super().__init__()
        self.pad: nn.Module = nn.Identity()
        self.dot: AnyModule
        self.norm: nn.Module
        if kernel is None:
            self.dot = binary.linear(inputs, outputs)
        elif len(rates) > 1:
            self.dot = MultiRate(inputs, outputs, kernel, pad, rates)
        else:
            if pad:
                self.pad = nn.ConstantPad2d(pad * rates[0], -1.0)
            self.dot = binary.conv(inputs, outputs, kernel, stride=stride, dilation=rates[0])
        self.mix: nn.Module = nn.Identity()
        self.norm = nn.BatchNorm1d(outputs) if kernel is None else nn.BatchNorm2d(outputs)
        self.sign: binary.Identity = binary.sign_layer()
        self.pool, self.pixels = pool, pixels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return binarised(self, self.norm(self.mix(self.dot(self.pad(x)))))


class Scores(nn.Module):
    """The last dense layer; `scale` is a power of two that brings the sums into the range of a softmax."""

    def __init__(self, inputs: int, classes: int, scale: float):
        super().__init__()
        self.dot: binary.Linear = binary.linear(inputs, classes)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dot(x) * self.scale


class Head(nn.Module):
    """The last layer of a network that produces maps: 1x1 convolution of bits with 8-bit weights q / 128, |q|
    <= 127, and a bias in 128ths.

    Sums of bits are whole 128ths, so the scores are exact. `starts` are the initial biases, one per output.
    """

    def __init__(self, inputs: int, starts: list[float]):
        super().__init__()
        self.dot: binary.Conv = binary.head(inputs, len(starts))
        assert self.dot.bias is not None
        with torch.no_grad():
            self.dot.bias.copy_(torch.tensor(starts))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dot(x)


class Correlation(nn.Module):
    """Finds a template in a map: sums of products of `template`, bits (1, C, k, k), with each window of bits.

    The template is not a weight: `learn` takes it from the features of an exemplar, which a host does at run
    time, and loads it.

    In training, frames come in groups of five: four searches, and one frame whose quarters are their
    exemplars. Without padding, the features in each corner of the fifth are those of that exemplar alone.
    Each search is compared with all four exemplars, its own first: scores (N, 4, H - k + 1, W - k + 1) of N
    searches."""

    template: torch.Tensor

    def __init__(self, channels: int, size: int):
        super().__init__()
        self.register_buffer("template", torch.ones(1, channels, size, size))

    @torch.no_grad()
    def learn(self, features: torch.Tensor) -> None:
        """Take the upper left corner of features, bits (1, C, H, W), as the template."""
        size = self.template.shape[-1]
        self.template.copy_(features[:, :, :size, :size])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return F.conv2d(x, self.template)
        size = self.template.shape[-1]
        _, channels, height, width = x.shape
        fives = x.view(-1, 5, channels, height, width)
        places = [(y, x) for y in (0, height - size) for x in (0, width - size)]
        corners = [fives[:, 4, :, y : y + size, x : x + size] for y, x in places]  # each (G, C, k, k)
        exemplars = torch.stack(corners, 1).flatten(0, 1)
        searches = fives[:, :4].transpose(0, 1).flatten(1, 2)  # (4, G C, H, W)
        # (search, G, exemplar, …)
        found = F.conv2d(searches, exemplars, groups=len(fives)).unflatten(1, (-1, 4))
        own_first = torch.stack([found[at].roll(-at, 1) for at in range(4)], 1)
        return own_first.flatten(0, 1)


class Bits(nn.Sequential):
    """The picture as bits: the sign of the pixels, +1 from 128 on."""

    def __init__(self):
        super().__init__(nn.Flatten(), binary.sign_layer())


class Network(nn.Sequential):
    """A sequence of parts after the scaling of the pixels; `places`: their names in the plain network."""

    places: list[str]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input / 128 - 1)
