"""The layers of a binary network, in two sets: plain torch for fast training, Brevitas for evaluation,
shipping and export.

Both sets keep real-valued latent weights under the same names and compute the same function, bit for bit in
float32:

    weights      sign(latent), in {-1, +1}, sign(0) = +1; the gradient passes unchanged, and latents stay in
                 [-1, +1]
    activations  sign(x), in {-1, +1}, sign(0) = +1; the gradient passes where |x| < 1

This is the straight-through estimator (Hubara et al., "Binarized Neural Networks", NIPS 2016, equations 1 and
4). A set of layers offers `conv(inputs, outputs, kernel, stride, groups, dilation)`, `linear(inputs,
outputs)`, `sign()`, `head(inputs, outputs)` with 8-bit weights, and the other methods of `Plain`: 8-bit
layers and activations for the ends of a network, and the function between a batch norm and a sum.
"""

from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F
from brevitas.inject.enum import RestrictValueType, ScalingImplType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import Int8ActPerTensorFixedPoint, Int8WeightPerTensorFixedPoint
from torch import nn

from xnorforge.sw.nn.rectifiers import Rectifier, TrainedRectifier

# A module that is used by its attributes: torch's stubs let each attribute of a module be a tensor or a
# module,
# and parameters and statistics of batch norms be None.
AnyModule: TypeAlias = Any

# A short training hardly moves latents that start in [-1, 1]: 2.7 epochs from 0.1 beat 8.4 from 1.
LATENT_START = 0.1


def signs(x: torch.Tensor) -> torch.Tensor:
    """Return -1 and +1, with +1 for 0."""
    # -1, 0, +1 become -1, +1, +1: five times as fast as torch.where, which goes through float32.
    return x.sign().add_(0.5).sign_()


class _Sign(torch.autograd.Function):
    """sign with a hard-tanh gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return signs(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, x, -1.0, 1.0)


class TriangularSign(_Sign):
    """sign with the gradient 2 + 2x on [-1, 0), 2 - 2x on [0, 1), else 0 (Liu et al., "Bi-Real Net", ECCV
    2018).
    """

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * x.abs().mul_(-2).add_(2).clamp_(min=0)


class _SignThrough(torch.autograd.Function):
    """sign with the gradient of the identity."""

    @staticmethod
    def forward(_ctx, x):
        return signs(x)

    @staticmethod
    def backward(_ctx, gradient):
        return gradient


class Sign(nn.Module):
    """Activations to -1 and +1."""

    def forward(self, x):
        return _Sign.apply(x)


class _Binary:
    weight: torch.Tensor

    def values(self) -> torch.Tensor:
        """Return the weights the layer multiplies with: sign(latent)."""
        return _SignThrough.apply(self.weight)


class BinaryConv(_Binary, nn.Conv2d):
    """Convolution with weights `values()`."""

    def forward(self, x):
        return F.conv2d(x, self.values(), None, self.stride, self.padding, self.dilation, self.groups)


class BinaryLinear(_Binary, nn.Linear):
    """Dense layer with weights `values()`."""

    def forward(self, x):
        return F.linear(x, self.values())


class Int8Conv(nn.Conv2d):
    """1x1 convolution with weights and bias rounded to 128ths, |weight| <= 127 / 128; gradients pass
    unchanged.
    """

    bias: nn.Parameter

    def forward(self, x):
        weight, bias = (
            part + (part * 128).round().div(128).sub(part).detach() for part in (self.weight, self.bias)
        )
        limit = 127 / 128
        return F.conv2d(x.float(), weight.clamp(-limit, limit), bias)


class Plain:
    """Layers in plain torch, for training; in bfloat16 if requested."""

    conv_type: type[nn.Conv2d] = BinaryConv
    linear_type: type[nn.Linear] = BinaryLinear
    weights: ClassVar[dict[str, Any]] = {}

    def conv(self, inputs: int, outputs: int, kernel: int, **options) -> nn.Conv2d:
        """A square convolution without padding and bias; `options` are stride, groups and dilation."""
        return _started(self.conv_type(inputs, outputs, kernel, bias=False, **options, **self.weights))

    def linear(self, inputs: int, outputs: int) -> nn.Linear:
        """A dense layer without bias."""
        return _started(self.linear_type(inputs, outputs, bias=False, **self.weights))

    def head(self, inputs: int, outputs: int) -> nn.Conv2d:
        """A 1x1 convolution with 8-bit weights and a bias."""
        layer = Int8Conv(inputs, outputs, 1)
        nn.init.normal_(layer.weight, std=inputs**-0.5)
        return layer

    def sign(self, _channels: int | None = None) -> nn.Module:
        """The activation; with a number of channels if it reads a stream of real numbers."""
        return Sign()

    def eight_conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A square convolution without padding and bias; its weights are real in training and have 8 bits
        once deployed.
        """
        layer = nn.Conv2d(inputs, outputs, kernel, stride, bias=False)
        nn.init.kaiming_normal_(layer.weight)
        return layer

    def eight_linear(self, inputs: int, outputs: int) -> nn.Linear:
        """A dense layer without bias; its weights are real in training and have 8 bits once deployed."""
        layer = nn.Linear(inputs, outputs, bias=False)
        nn.init.normal_(layer.weight, std=inputs**-0.5)
        return layer

    def eight_act(self, limit: float) -> nn.Module:
        """Rounds real numbers to the nearest of 256 values from -limit on, limit / 128 apart; limit is a
        power of two.
        """
        return EightAct(limit)

    def rectifier(self, channels: int, prelu: bool) -> nn.Module:
        """The function between a batch norm with this number of channels and a sum: the identity, or
        a PReLU.
        """
        return TrainedRectifier(channels, shifted=False) if prelu else nn.Identity()


class _EightBits(torch.autograd.Function):
    """The nearest multiple of limit / 128 in [-limit, limit), with a hard-tanh gradient."""

    @staticmethod
    def forward(ctx, x, limit):
        ctx.save_for_backward(x)
        ctx.limit = limit
        return x.mul(128 / limit).round_().clamp_(-128, 127).mul_(limit / 128)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradient, x, -ctx.limit, ctx.limit), None


class EightAct(nn.Module):
    """Rounds real numbers to 8 bits; bfloat16 could not hold its input."""

    def __init__(self, limit: float):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        return _EightBits.apply(x.float(), self.limit)


class EightWeights(Int8WeightPerTensorFixedPoint):
    """q / 128, q in -127..127."""

    scaling_impl_type, restrict_scaling_type, scaling_init = (
        ScalingImplType.CONST,
        RestrictValueType.FP,
        127 / 128,
    )


class EightActivations(Int8ActPerTensorFixedPoint):
    """k / 128 times `scaling_init`, k in -128..127."""

    scaling_impl_type, restrict_scaling_type, scaling_init = ScalingImplType.CONST, RestrictValueType.FP, 1.0
    narrow_range = False


class Brevitas(Plain):
    """The same layers in Brevitas with scale 1, for evaluation and export."""

    conv_type, linear_type = QuantConv2d, QuantLinear
    weights: ClassVar[dict[str, Any]] = {
        "weight_quant": SignedBinaryWeightPerTensorConst,
        "weight_scaling_const": 1.0,
    }

    def head(self, inputs: int, outputs: int) -> nn.Conv2d:
        """The same in Brevitas."""
        return QuantConv2d(inputs, outputs, 1, weight_quant=EightWeights)

    def sign(self, _channels=None) -> nn.Module:
        return QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0)

    def eight_conv(self, inputs, outputs, kernel, stride=1):
        return QuantConv2d(inputs, outputs, kernel, stride=stride, bias=False, weight_quant=EightWeights)

    def eight_linear(self, inputs, outputs):
        return QuantLinear(inputs, outputs, bias=False, weight_quant=EightWeights)

    def eight_act(self, limit):
        return QuantIdentity(act_quant=EightActivations, scaling_init=limit)

    def rectifier(self, channels, prelu):
        return Rectifier(channels) if prelu else nn.Identity()


def _started(layer):
    nn.init.uniform_(layer.weight, -LATENT_START, LATENT_START)
    return layer


def is_binary(layer: nn.Module) -> bool:
    """Return whether only the sign of a layer's `weight` counts."""
    if isinstance(layer, (QuantConv2d, QuantLinear)):
        return bool(layer.weight_quant.bit_width() == 1)
    return isinstance(layer, (BinaryConv, BinaryLinear))


def latents(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the latent weights by layer name, in the order of the network."""
    return {name: layer.weight for name, layer in network.named_modules() if is_binary(layer)}
