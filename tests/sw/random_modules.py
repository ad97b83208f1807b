"""Random networks of Brevitas layers, written as users write them: nested classes, lists of modules, and
functional code in `forward`. A network is a function of its seed; its weights and norms are drawn too."""

from itertools import pairwise

import brevitas.nn as qnn
import numpy as np
import torch
import torch.nn.functional as F
from brevitas.core.quant import BinaryQuant
from brevitas.quant import Int8ActPerTensorFixedPoint, Int8ActPerTensorFloat, Int8WeightPerTensorFloat
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from draws import Draws
from torch import nn

CLASSES = 4


# Quantisers


class Mean(SignedBinaryWeightPerTensorConst):
    """The mean |w| of the layer."""

    tensor_quant = BinaryQuant
    scaling_impl_type, scaling_stats_op = "stats", "ave"
    scaling_const = None
    scaling_stats_permute_dims = None


# The first have a scale of 0.1.
WEIGHTS = (
    SignedBinaryWeightPerTensorConst,
    *(SignedBinaryWeightPerTensorConst.let(scaling_const=scale) for scale in (1.0, 0.5)), Mean,
)  # fmt: skip
ACTS = SignedBinaryActPerTensorConst, SignedBinaryActPerTensorConst.let(scaling_const=1.0)


class Draw(Draws):
    """What a network is drawn with: `rng`, and the quantisers that all its layers have in common."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.weight, self.act = self.pick(*WEIGHTS), self.pick(*ACTS)
        self.ends = self.pick("bits", "pixels", "8 bits")  # what the first layer reads
        self.tensors = self.chance(0.3)  # activations return QuantTensors

    def width(self) -> int:
        return self.pick(4, 6, 8, 12)

    def sign(self) -> qnn.QuantIdentity:
        return qnn.QuantIdentity(act_quant=self.act, return_quant_tensor=self.tensors)

    def conv(self, inputs, outputs, kernel, **options):
        """A binary convolution, perhaps with a bias."""
        options = {"bias": self.chance(0.2), "weight_quant": self.weight} | options
        return qnn.QuantConv2d(inputs, outputs, kernel, **options)

    def scores(self, inputs: int) -> nn.Module:
        """The classifier: one bit and a norm, or 8 bits and a bias."""
        if self.chance(0.5):
            return qnn.QuantLinear(inputs, CLASSES, bias=True, weight_quant=Int8WeightPerTensorFloat)
        dense = qnn.QuantLinear(inputs, CLASSES, bias=False, weight_quant=self.weight)
        return nn.Sequential(dense, nn.BatchNorm1d(CLASSES))


class Stem(nn.Module):
    """The first layer: it reads bits, pixels, or pixels in 8 bits times 8-bit weights."""

    def __init__(self, draw: Draw, inputs: int, outputs: int):
        super().__init__()
        self.kind = draw.ends
        if self.kind == "8 bits":
            act = draw.pick(Int8ActPerTensorFloat, Int8ActPerTensorFixedPoint)
            self.input = qnn.QuantIdentity(act_quant=act, return_quant_tensor=True)
            self.conv = draw.conv(inputs, outputs, 3, padding=1, weight_quant=Int8WeightPerTensorFloat)
        elif self.kind == "bits":
            self.conv = draw.conv(inputs, outputs, 3, input_quant=draw.act)
        else:
            self.conv = draw.conv(inputs, outputs, 3)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        if self.kind == "8 bits":
            x = self.input(x)
        elif self.kind == "bits":
            x = x - 0.5
        return self.norm(self.conv(x))


# Networks


class Chain(nn.Module):
    """Convolutions in a ModuleList, with one activation for all of them."""

    class Layer(nn.Module):
        def __init__(self, draw: Draw, inputs: int, outputs: int):
            super().__init__()
            kernel, padding = draw.pick((3, 1), (3, 0), (1, 0))
            self.conv = draw.conv(inputs, outputs, kernel, padding=padding)
            self.norm = nn.BatchNorm2d(outputs)

        def forward(self, x):
            return self.norm(self.conv(x))

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        widths = [draw.width() for _ in range(draw.rng.integers(2, 5))]
        self.stem, self.act = Stem(draw, channels, widths[0]), draw.sign()
        self.layers = nn.ModuleList(Chain.Layer(draw, *pair) for pair in pairwise(widths))
        self.pooled = int(draw.rng.integers(len(self.layers)))
        self.scores = draw.scores(widths[-1] * 4)

    def forward(self, x):
        x = self.act(self.stem(x))
        for at, layer in enumerate(self.layers):
            x = self.act(layer(x))
            if at == self.pooled:
                x = F.max_pool2d(x, 2)
        x = F.max_pool2d(x, x.shape[-1] // 2)
        return self.scores(torch.flatten(x, 1))


class Residual(nn.Module):
    """Bi-Real: a stream of real numbers, to which each binary convolution is added."""

    class Block(nn.Module):
        def __init__(self, draw: Draw, channels: int):
            super().__init__()
            self.sign, self.conv = draw.sign(), draw.conv(channels, channels, 3, padding=1)
            self.norm = nn.BatchNorm2d(channels)

        def forward(self, x):
            return x + self.norm(self.conv(self.sign(x)))

    class Down(nn.Module):
        """Half the size, more channels: a mean and a 1x1 convolution of 8 bits beside the binary one."""

        def __init__(self, draw: Draw, inputs: int, outputs: int):
            super().__init__()
            self.sign, self.conv = draw.sign(), draw.conv(inputs, outputs, 2, stride=2)
            self.norm, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
            self.skip = draw.conv(inputs, outputs, 1, stride=2, bias=False)

        def forward(self, x):
            bits = self.sign(x)
            return self.norm(self.conv(bits)) + self.norm2(self.skip(bits))

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        width = draw.width()
        self.stem = Stem(draw, channels, width)
        self.blocks = nn.Sequential(*(Residual.Block(draw, width) for _ in range(draw.rng.integers(1, 4))))
        self.down = Residual.Down(draw, width, 2 * width) if draw.chance(0.5) else None
        self.last = draw.sign()
        self.scores = draw.scores(width * (2 if self.down else 1))

    def forward(self, x):
        x = self.blocks(self.stem(x))
        x = x if self.down is None else self.down(x)
        x = self.last(x)
        return self.scores(torch.flatten(F.max_pool2d(x, x.shape[-1]), 1))


class Groups(nn.Module):
    """Parallel branches of the same bits, added or side by side."""

    class Group(nn.Module):
        def __init__(self, draw: Draw, inputs: int, outputs: int):
            super().__init__()
            self.added, self.outputs = draw.chance(0.5), outputs
            count = int(draw.rng.integers(2, 4))
            each = outputs if self.added else outputs // 2
            count = count if self.added else 2
            convs = [(draw.conv(inputs, each, 3, padding=1), nn.BatchNorm2d(each)) for _ in range(count)]
            self.branches = nn.ModuleList(nn.Sequential(*pair) for pair in convs)
            self.act = draw.sign()

        def forward(self, x):
            found = [branch(x) for branch in self.branches]
            x = sum(found[1:], found[0]) if self.added else torch.cat(found, dim=1)
            return self.act(x)

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        widths = [draw.width() for _ in range(draw.rng.integers(2, 4))]
        self.stem, self.act = Stem(draw, channels, widths[0]), draw.sign()
        self.groups = nn.ModuleList(Groups.Group(draw, *pair) for pair in pairwise(widths))
        self.scores = draw.scores(widths[-1])

    def forward(self, x):
        x = self.act(self.stem(x))
        for group in self.groups:
            x = group(x)
        return self.scores(F.max_pool2d(x, x.shape[-1]).flatten(1))


class Series(nn.Module):
    """1-D convolutions over (C, L)."""

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        first, second = draw.width(), draw.width()
        self.act = draw.sign()

        def conv(inputs, outputs, kernel, **more):
            more = {"bias": False, "weight_quant": draw.weight} | more
            return qnn.QuantConv1d(inputs, outputs, kernel, **more)

        self.bits = draw.chance(0.5)
        self.conv1, self.norm1 = conv(channels, first, 3), nn.BatchNorm1d(first)
        self.conv2, self.norm2 = conv(first, second, 3, stride=2), nn.BatchNorm1d(second)
        self.conv3, self.norm3 = conv(second, second, 1, bias=draw.chance(0.3)), nn.BatchNorm1d(second)
        self.scores = draw.scores(second)

    def forward(self, x):
        x = self.act(self.norm1(self.conv1(self.act(x - 0.5) if self.bits else x)))
        x = self.act(self.norm2(self.conv2(x)))
        x = self.act(self.norm3(self.conv3(x)))
        return self.scores(torch.flatten(F.max_pool1d(x, x.shape[-1]), 1))


class Separable(nn.Module):
    """Depthwise or grouped, then 1x1."""

    class Pair(nn.Module):
        def __init__(self, draw: Draw, inputs: int, outputs: int):
            super().__init__()
            groups = inputs if draw.chance(0.6) else 2
            self.depth = draw.conv(inputs, inputs, 3, groups=groups, stride=draw.pick(1, 1, 2))
            self.point = draw.conv(inputs, outputs, 1)
            self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (inputs, outputs))
            self.between, self.after = draw.sign(), draw.sign()

        def forward(self, x):
            x = self.between(self.norms[0](self.depth(x)))
            return self.after(self.norms[1](self.point(x)))

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        widths = [draw.width() for _ in range(3)]
        self.stem, self.act = Stem(draw, channels, widths[0]), draw.sign()
        self.pairs = nn.Sequential(*(Separable.Pair(draw, *pair) for pair in pairwise(widths)))
        self.scores = draw.scores(widths[-1])

    def forward(self, x):
        x = self.pairs(self.act(self.stem(x)))
        return self.scores(F.max_pool2d(x, x.shape[-1]).flatten(1))


class Dense(nn.Module):
    """Dense layers of bits, written one after the other."""

    def __init__(self, draw: Draw, channels: int):
        super().__init__()
        inputs = channels * SIZE**2
        widths = [draw.pick(8, 16, 32) for _ in range(draw.rng.integers(1, 4))]
        self.first = draw.sign()
        layers: list[nn.Module] = []
        for before, width in zip([inputs, *widths], widths):
            dense = qnn.QuantLinear(before, width, bias=draw.chance(0.3), weight_quant=draw.weight)
            layers += [dense, nn.BatchNorm1d(width), draw.sign()]
        self.features, self.scores = nn.Sequential(*layers), draw.scores(widths[-1])

    def forward(self, x):
        return self.scores(self.features(self.first(x.flatten(1) * 2 - 1)))


class BiRealNet(nn.Module):
    """A Bi-Real ResNet of three stages for 3x16x16: the sign of the stream, a convolution, a norm, the sum;
    shortcuts to another width are a mean and a 1x1 convolution of 8 bits."""

    shape = (3, 16, 16)

    def __init__(self, width: int = 8):
        super().__init__()
        self.stem = qnn.QuantConv2d(3, width, 3, padding=1, bias=False, weight_quant=Int8WeightPerTensorFloat)
        self.norm = nn.BatchNorm2d(width)
        self.convs, self.norms, self.skips = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.sign = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)
        widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width]
        for before, after in zip([width, *widths], widths):
            stride, bits = after // before, SignedBinaryWeightPerTensorConst
            size = {"stride": stride, "padding": 1, "bias": False}
            self.convs.append(qnn.QuantConv2d(before, after, 3, weight_quant=bits, **size))
            self.norms.append(nn.BatchNorm2d(after))
            self.skips.append(self.skip(before, after) if stride > 1 else nn.Identity())
        self.scores = qnn.QuantLinear(4 * width, CLASSES, bias=True, weight_quant=Int8WeightPerTensorFloat)

    @staticmethod
    def skip(before: int, after: int) -> nn.Module:
        conv = qnn.QuantConv2d(before, after, 1, bias=False, weight_quant=Int8WeightPerTensorFloat)
        return nn.Sequential(nn.AvgPool2d(2), conv, nn.BatchNorm2d(after))

    def forward(self, x):
        x = self.norm(self.stem(x))
        for conv, norm, skip in zip(self.convs, self.norms, self.skips):
            x = norm(conv(self.sign(x))) + skip(x)
        return self.scores(x.mean((2, 3)))


FAMILIES = Chain, Residual, Groups, Series, Separable, Dense
SIZE = 12  # of a picture; of a series, the length


def random_module(seed: int) -> nn.Module:
    """Return the network of a seed; `shape` is that of its input. Every family takes its turn."""
    torch.manual_seed(seed)
    draw = Draw(np.random.default_rng(seed))
    family, channels = FAMILIES[seed % len(FAMILIES)], int(draw.rng.integers(1, 4))
    module = family(draw, channels)
    module.shape = (channels, SIZE) if family is Series else (channels, SIZE, SIZE)
    for layer in module.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.bias, 0, 0.3)
            nn.init.uniform_(layer.weight, 0.3, 1.5)
            layer.weight.data *= torch.where(torch.rand_like(layer.weight) < 0.2, -1, 1)
    return module
