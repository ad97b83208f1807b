"""The shapes of network that FINN's rewrites were tried on, as small Brevitas modules: 8x8 pixels, three
colours.

Random weights and batch-norm statistics, about half of the batch-norm weights negative. `exported(name)` is
made once per test session.
"""

import contextlib
import io
import warnings
from dataclasses import dataclass
from functools import cache
from tempfile import TemporaryDirectory

import numpy as np
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear, QuantReLU, TruncAvgPool2d
from brevitas.quant import (
    Int8ActPerTensorFloat,
    Int8WeightPerTensorFloat,
    TruncTo8bit,
    Uint8ActPerTensorFloat,
)
from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import nn

IMAGES = 64


def sign():
    """The binary activation."""
    return QuantIdentity(act_quant=CommonActQuant, bit_width=1)


def conv(inputs, outputs, kernel, **more):
    """A convolution of -1 and +1 weights."""
    return QuantConv2d(
        inputs, outputs, kernel, bias=False, weight_quant=CommonWeightQuant, weight_bit_width=1, **more
    )  # fmt: skip


def low_conv(inputs, outputs, kernel, bits):
    """A convolution of low-bit weights."""
    return QuantConv2d(
        inputs, outputs, kernel, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=bits
    )  # fmt: skip


def norm(channels=16, mean=3.0, var=(0.5, 30.0)):
    """Batch norm with random statistics."""
    layer = nn.BatchNorm2d(channels)
    layer.running_mean.uniform_(-mean, mean)
    layer.running_var.uniform_(*var)
    layer.weight.data.uniform_(-1, 1)
    layer.bias.data.uniform_(-1, 1)
    return layer


def levels(bits=4):
    """A signed quantiser with a learnt float scale."""
    return QuantIdentity(act_quant=Int8ActPerTensorFloat, bit_width=bits)


def relu(bits=4, **more):
    """An unsigned quantiser with a learnt float scale."""
    return QuantReLU(act_quant=Uint8ActPerTensorFloat, bit_width=bits, **more)


def block(inputs=16, outputs=16, kernel=3, **more):
    """sign, binary convolution, batch norm."""
    return nn.Sequential(sign(), conv(inputs, outputs, kernel, **more), norm(outputs))


def stem():
    """8-bit pixels, binary weights, batch norm: 6x6 pixels of 16 channels."""
    pixels = QuantIdentity(
        act_quant=CommonActQuant, bit_width=8, min_val=-1.0, max_val=1 - 2.0**-7, narrow_range=False
    )
    return nn.Sequential(pixels, conv(3, 16, 3), norm())


def scores(size, channels=16):
    """sign and a binary dense layer."""
    dense = QuantLinear(
        channels * size * size, 4, bias=False, weight_quant=CommonWeightQuant, weight_bit_width=1
    )
    return nn.Sequential(sign(), nn.Flatten(), dense)


def net(*parts, size):
    """Stem, parts, scores."""
    return nn.Sequential(stem(), *parts, scores(size))


class Sum(nn.Module):
    """The sum of several branches of one tensor."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        total = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return total


class Scale(nn.Module):
    """Times a constant."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(factor)

    def forward(self, x):
        return x * self.factor


class Plain(nn.Module):
    """The tensor of a quantised one."""

    def forward(self, x):
        return getattr(x, "value", x)


def shared_quantiser(blocks):
    """Shortcut and branch through one quantiser."""
    q = levels(6)
    parts = [
        part for _ in range(blocks) for part in (Sum(nn.Identity(), nn.Sequential(block(kernel=1), q)), q)
    ]
    return net(q, *parts, size=6)


def padded_residual():
    """Shortcut and zero-padded branch through one quantiser."""
    q = levels()
    return net(q, Sum(nn.Identity(), nn.Sequential(block(padding=1), q)), size=6)


def group(branches, per_channel, quantised=False):
    """Parallel binary convolutions with learnt scales."""

    def branch():
        factor = torch.rand(1, 16 if per_channel else 1, 1, 1) + 0.3
        return nn.Sequential(conv(16, 16, 1), Scale(factor), levels(8) if quantised else nn.Identity())

    return net(sign(), Sum(*(branch() for _ in range(branches))), norm(), size=6)


def channel_mix():
    """Match counts mixed across channels by small integers."""
    mix = low_conv(16, 16, 1, 4)
    to = torch.arange(16)
    table = 2 * torch.eye(16)
    table[to, (to + 3) % 16] += 1
    table[to[::2], (to[::2] + 5) % 16] -= 1
    mix.weight.data = table[:, :, None, None]
    return net(sign(), conv(16, 16, 3), mix, norm(), size=4)


def negative_scale():
    """A scale per channel, every other one negative."""
    factor = torch.rand(1, 16, 1, 1) + 0.2
    factor[:, ::2] *= -1
    return net(sign(), conv(16, 16, 3), Scale(factor), norm(), size=4)


def averaged(pool, quant_tensor=False):
    """4-bit ReLU, a pool to one pixel, an 8-bit dense layer."""
    dense = QuantLinear(16, 4, bias=False, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=8)
    return nn.Sequential(
        stem(), block(), relu(4, return_quant_tensor=quant_tensor), pool, Plain(), nn.Flatten(), dense
    )


def raw_pixels(first):
    """Bytes straight into binary weights."""
    return nn.Sequential(first, conv(3, 16, 3), norm(mean=500.0, var=(1e4, 1e6)), scores(6))


class Centre(nn.Module):
    """Bytes to -1 .. 1."""

    def forward(self, x):
        return (x - 127.5) / 127.5


SHAPES = {
    "bits_into_4_bit_weights": lambda: net(sign(), low_conv(16, 16, 3, 4), norm(), size=4),
    "residual_shared_quantiser": lambda: shared_quantiser(1),
    "residual_shared_quantiser_twice": lambda: shared_quantiser(2),
    "residual_two_quantisers": lambda: net(
        levels(), Sum(nn.Identity(), nn.Sequential(block(kernel=1), levels())), size=6
    ),
    "residual_real_shortcut": lambda: net(Sum(nn.Identity(), block(kernel=1)), size=6),
    "residual_zero_padded": padded_residual,
    "group_scalar_scales": lambda: group(2, False),
    "group_channel_scales": lambda: group(3, True),
    "group_quantised_branches": lambda: group(2, True, True),
    "group_branch_batch_norms": lambda: net(
        Sum(*(nn.Sequential(norm(), sign(), conv(16, 16, 1)) for _ in range(2))), norm(), size=6
    ),
    "minus_one_padding": lambda: net(sign(), nn.ConstantPad2d(1, -1.0), conv(16, 16, 3), norm(), size=6),
    "max_pool_behind_sign": lambda: net(block(), sign(), nn.MaxPool2d(2), conv(16, 16, 1), norm(), size=2),
    "dilated": lambda: net(block(dilation=2), size=2),
    "mixed_4_bit": lambda: net(relu(4), low_conv(16, 16, 3, 4), norm(), block(kernel=1), size=4),
    "mixed_8_bit": lambda: net(relu(8), low_conv(16, 16, 3, 8), norm(), block(kernel=1), size=4),
    "negative_scale": negative_scale,
    "channel_mix": channel_mix,
    "depthwise": lambda: net(block(groups=16), block(kernel=1), size=4),
    "grouped": lambda: net(block(groups=4), size=4),
    "stride_2_zero_padded": lambda: net(block(stride=2, padding=1), size=3),
    "max_pool_before_sign": lambda: net(block(), nn.MaxPool2d(2), size=2),
    "average_pool_before_sign": lambda: net(block(), nn.AvgPool2d(2), size=2),
    "global_average": lambda: averaged(nn.AdaptiveAvgPool2d(1)),
    "average_to_one_pixel": lambda: averaged(nn.AvgPool2d(4)),
    "truncated_average": lambda: averaged(
        TruncAvgPool2d(4, trunc_quant=TruncTo8bit, bit_width=4, float_to_int_impl_type="FLOOR"), True
    ),
    "raw_bytes": lambda: raw_pixels(nn.Identity()),
    "raw_bytes_centred": lambda: raw_pixels(Centre()),
}
FLOAT_HEADS = {
    "global_average",
    "average_to_one_pixel",
    "truncated_average",
}  # their scores are rounded by float32


@dataclass
class Exported:
    """A network as QONNX, its input's integers and what it computes.

    `pixels` int64 (N, 3, 8, 8), value = pixels * scale, lo .. hi; `scores` float32 (N, 4) of the module.
    """

    model: ModelWrapper
    lo: int
    hi: int
    scale: float
    pixels: np.ndarray
    scores: np.ndarray

    @property
    def frames(self) -> np.ndarray:
        """Integers, channels last."""
        return self.pixels.transpose(0, 2, 3, 1)

    @property
    def inputs(self) -> np.ndarray:
        """float32 as the network takes them."""
        return (self.pixels * self.scale).astype(np.float32)


def export(module: nn.Module, shape) -> ModelWrapper:
    """The cleaned QONNX of a module in evaluation mode."""
    with TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            export_qonnx(module, torch.zeros(1, *shape), export_path=f"{folder}/net.onnx", dynamo=False)
        return cleanup_model(ModelWrapper(f"{folder}/net.onnx"))


@cache
def exported(name: str, seed: int = 1) -> Exported:
    """A shape, its quantiser scales settled on random images."""
    torch.manual_seed(seed)
    raw = name.startswith("raw")
    lo, hi, scale = (0, 255, 1.0) if raw else (-128, 127, 2.0**-7)
    pixels = torch.randint(lo, hi + 1, (IMAGES, 3, 8, 8))
    module = SHAPES[name]().train()
    with torch.no_grad():
        for _ in range(3):
            module(pixels * scale)
        module.eval()
        made = module(pixels * scale).numpy()
    return Exported(export(module, (3, 8, 8)), lo, hi, scale, pixels.numpy().astype(np.int64), made)
