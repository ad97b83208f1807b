"""Random networks as users of Brevitas write and export them; a network is a function of its seed.

`drawn(seed)` gives one with random weights, calibrated scales, and batch norms whose statistics are those of
a few batches, moved, with weights of both signs. Quantisers have 1 to 8 bits and scales that are
constants, statistics of weights or activations, or learned; per tensor or channel; floats, powers of two."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import brevitas.nn as qnn
import brevitas.quant as bq
import numpy as np
import torch
from brevitas.core.restrict_val import RestrictValueType
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.inject.enum import ScalingImplType, StatsOp
from brevitas.quant import Int8Bias, Int16Bias, Int32Bias
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
from brevitas.quant.shifted_scaled_int import ShiftedUint8ActPerTensorFloat, ShiftedUint8WeightPerTensorFloat
from brevitas.quant.ternary import SignedTernaryActPerTensorConst, SignedTernaryWeightPerTensorConst
from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm
from draws import Draws
from torch import nn

EXPORTERS = {
    "qonnx": lambda *args, **given: export_qonnx(*args, dynamo=False, **given),
    "qonnx, dynamo": lambda *args, **given: export_qonnx(*args, dynamo=True, **given),
    "qcdq": lambda *args, **given: export_onnx_qcdq(*args, dynamo=False, **given),
}
SHARES = (0.6, 0.15, 0.25)
BIASES = {"float": None, "8 bits": Int8Bias, "16 bits": Int16Bias, "32 bits": Int32Bias}
QUANTISED = (qnn.QuantIdentity, qnn.QuantReLU, qnn.QuantHardTanh)
CALIBRATION = 3  # batches


@dataclass
class Network:
    """One network: `module` takes float32 (N, *shape) of 0 to 1."""

    module: nn.Module
    shape: tuple[int, ...]
    exporter: str

    def export(self, path: Path) -> None:
        """Write the ONNX file."""
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = {"args": torch.zeros(1, *self.shape), "export_path": str(path)}
            EXPORTERS[self.exporter](self.module, **given)


def drawn(seed: int, exporters=tuple(EXPORTERS)) -> Network:
    """The network of a seed; of another exporter than those given, it is written by the first of them."""
    return Draw(seed, exporters).network


class Draw(Draws):
    """Appends layers to a network and keeps the shape (C, H, W) or (F,) of what they give."""

    def __init__(self, seed: int, exporters):
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        exporter = str(self.rng.choice(list(EXPORTERS), p=SHARES))
        one_bit = exporter != "qcdq"  # which has no node for one bit
        exporter = exporter if exporter in exporters else exporters[0]
        self.weights = [name for name, (_, bits) in WEIGHTS.items() if one_bit or bits != 1]
        self.activations = [name for name, (_, bits, _) in ACTIVATIONS.items() if one_bit or bits != 1]
        self.hidden = self.pick(*self.weights), int(self.rng.integers(2, 9))
        self.usual = self.pick(*self.activations), int(self.rng.integers(2, 6))
        images = self.chance(0.8)
        self.shape = (self.pick(1, 2, 3), *map(int, self.rng.integers(6, 13, 2)))
        if not images:
            self.shape = (int(self.rng.integers(8, 65)),)
        shape = self.shape
        self.layers: list[nn.Module] = []
        self.entrance()
        for _ in range(self.rng.integers(1, 4)):
            self.part() if images else self.dense(int(self.rng.integers(4, 33)))
        self.head()
        module = nn.Sequential(*self.layers)
        _settled(module, shape, self.rng)
        self.network = Network(module, shape, exporter)

    # What is drawn.
    def part(self):
        """One part of the body."""
        most = *[self.block] * 3, self.residual, self.separable, self.grouped
        self.pick(*most, self.pool, self.side_by_side, self.larger, self.real_shortcut)()

    def entrance(self):
        """What becomes of pixels from 0 to 1 before the first layer."""
        centres = {"pixels": (0.0, 1.0), "centred": (0.5, 1.0), "-1 to 1": (0.5, 0.5)}
        kind = self.pick(*centres, *["standardised"] * (len(self.shape) == 3))
        if kind == "standardised":
            values = self.rng.uniform(0.4, 0.6, self.shape[0]), self.rng.uniform(0.2, 0.3, self.shape[0])
            self.layers.append(Standardise(*(torch.Tensor(x)[:, None, None] for x in values)))
        elif kind != "pixels":
            self.layers.append(Standardise(*map(torch.tensor, centres[kind])))
        if kind == "standardised" or self.chance(0.8):
            name = self.usual[0] if self.chance(0.4) else self.pick(*self.activations)
            self.quantise(name, self.pick(2, 4, 8))

    def quantise(self, name: str | None = None, bits: int | None = None) -> nn.Module:
        """A quantiser of activations, behind a ReLU where it is unsigned."""
        layer = self.quantiser(name, bits)
        self.layers.append(layer)
        return layer

    def quantiser(self, name: str | None = None, bits: int | None = None, per_channel=True) -> nn.Module:
        name = name or self.usual[0]
        quantiser = activation_quantiser(name, bits or self.usual[1])
        kind = qnn.QuantIdentity if ACTIVATIONS[name][2] else qnn.QuantReLU
        if ACTIVATIONS[name][2] and name.startswith("signed") and self.chance(0.2):
            return qnn.QuantHardTanh(act_quant=quantiser, max_val=1.0, min_val=-1.0, return_quant_tensor=True)
        if ACTIVATIONS[name][1] is None and len(self.shape) == 3 and per_channel and self.chance(0.1):
            broadcast = (1, self.shape[0], 1, 1)
            given = {"per_channel_broadcastable_shape": broadcast, "scaling_per_output_channel": True}
            quantiser = quantiser.let(**given, scaling_stats_permute_dims=(1, 0, 2, 3))
            return kind(act_quant=quantiser)  # QuantTensors of several scales fit no dense layer with a bias
        return kind(act_quant=quantiser, return_quant_tensor=True)

    def reads_quantised(self) -> bool:
        """Whether the next layer reads a tensor that knows its scale and width."""
        read = next((layer for layer in reversed(self.layers) if not isinstance(layer, nn.Flatten)), None)
        return isinstance(read, QUANTISED) and read.return_quant_tensor

    def norm(self):
        size = self.shape[0]
        self.layers.append((nn.BatchNorm2d if len(self.shape) == 3 else nn.BatchNorm1d)(size))

    def named_weights(self, anew: float = 0.2):
        """Quantiser of weights: mostly the network's own."""
        name, bits = self.hidden
        if self.chance(anew):
            name, bits = self.pick(*self.weights), int(self.rng.integers(2, 9))
        if "accumulator" in name and not self.reads_quantised():  # it wants the width of its input
            name = "integers, weight norm"
        return weight_quantiser(name, bits)

    def conv(self, outputs: int, kernel: int, stride=1, pad=0, groups=1, bias=False) -> nn.Module:
        """A convolution of the shape here, which becomes that of its output."""
        channels, *size = self.shape
        given = {"stride": stride, "padding": pad, "groups": groups, "bias": bias}
        layer = qnn.QuantConv2d(channels, outputs, kernel, weight_quant=self.named_weights(), **given)
        self.shape = (outputs, *((side + 2 * pad - kernel) // stride + 1 for side in size))
        return layer

    def block(self):
        """Convolution, batch norm, activation."""
        kernel = self.pick(1, 3, 3, 3, 2) if min(self.shape[1:]) > 2 else 1
        pad = int(kernel == 3 and self.chance(0.4))
        stride = self.pick(1, 1, 2)
        bias = self.chance(0.15)
        self.layers.append(self.conv(int(self.rng.integers(2, 25)), kernel, stride, pad, bias=bias))
        if self.chance(0.85):
            self.norm()
        self.quantise()

    def grouped(self):
        """A convolution in groups."""
        groups = self.pick(*([g for g in (2, 3, 4) if self.shape[0] % g == 0] or [1]))
        kernel = 3 if min(self.shape[1:]) > 2 else 1
        self.layers.append(self.conv(groups * int(self.rng.integers(1, 5)), kernel, groups=groups))
        self.norm()
        self.quantise()

    def separable(self):
        """Every channel for itself, then all of a pixel."""
        kernel = 3 if min(self.shape[1:]) > 2 else 1
        self.layers.append(self.conv(self.shape[0], kernel, pad=int(self.chance(0.4)), groups=self.shape[0]))
        self.norm()
        self.quantise()
        self.layers.append(self.conv(int(self.rng.integers(2, 17)), 1))
        self.norm()
        self.quantise()

    def pool(self):
        """Maximum, or an average that is quantised again."""
        if min(self.shape[1:]) < 2:
            return
        self.shape = (self.shape[0], *(side // 2 for side in self.shape[1:]))
        if self.chance(0.7):
            self.layers.append(nn.MaxPool2d(2))
        else:
            self.layers.append(nn.AvgPool2d(2))
            self.quantise()

    def larger(self):
        """Every pixel four times."""
        if max(self.shape[1:]) <= 6:
            self.layers.append(nn.Upsample(scale_factor=2))
            self.shape = (self.shape[0], *(2 * side for side in self.shape[1:]))

    def side_by_side(self):
        """Two convolutions of the same tensor, their channels one behind the other."""
        start, branches, shape = self.layers, [], self.shape
        shared = self.quantiser(per_channel=False)
        for _ in range(2):
            self.layers, self.shape = [], shape
            self.layers.append(self.conv(int(self.rng.integers(2, 9)), 1))
            self.norm()
            branches.append((nn.Sequential(*self.layers, shared), self.shape[0]))
        self.layers = start
        self.layers.append(Concatenated(*(branch for branch, _ in branches)))
        self.shape = (sum(channels for _, channels in branches), *self.shape[1:])

    def residual(self):
        """Blocks of brevitas_examples: both sides of a sum are quantised by one quantiser."""
        shared = self.quantise()
        count = int(self.rng.integers(1, 4))
        for _ in range(count):
            start, self.layers = self.layers, []
            channels = self.shape[0]
            kernel = 3 if min(self.shape[1:]) > 2 else 1
            self.layers.append(self.conv(channels, kernel, pad=kernel // 2))
            self.norm()
            self.quantise()
            self.layers.append(self.conv(channels, kernel, pad=kernel // 2))
            self.norm()
            start.append(Residual(nn.Sequential(*self.layers, shared)))
            self.layers = start
            shared = self.quantise()

    def real_shortcut(self):
        """Bi-Real: the sum that passes by is not quantised."""
        channels = self.shape[0]
        kernel = 3 if min(self.shape[1:]) > 2 else 1
        for _ in range(self.rng.integers(1, 4)):
            start, self.layers = self.layers, []
            self.quantise()
            self.layers.append(self.conv(channels, kernel, pad=kernel // 2))
            self.norm()
            start.append(Residual(nn.Sequential(*self.layers)))
            self.layers = start
        self.quantise()

    def dense(self, outputs: int):
        """Dense layer, batch norm, activation."""
        layer = qnn.QuantLinear(self.shape[0], outputs, bias=False, weight_quant=self.named_weights())
        self.layers.append(layer)
        self.shape = (outputs,)
        if self.chance(0.85):
            self.norm()
        self.quantise()

    def head(self):
        """From the last activation to the scores."""
        maps = ["average, dense", "map", "convolution, average"] * (len(self.shape) == 3)
        end = self.pick("dense", "dense", "dense", "hidden dense", "quantiser", *maps)
        classes = int(self.rng.integers(2, 8))
        if end == "quantiser":
            return
        if end in ("map", "convolution, average"):
            self.layers.append(self.conv(classes, 1, bias=self.chance(0.5)))
            if end != "map":
                self.layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            return
        if end == "average, dense":
            self.layers.append(nn.AdaptiveAvgPool2d(1))
            self.shape = (self.shape[0], 1, 1)
            if self.chance(0.5):
                self.quantise()
        if len(self.shape) == 3:
            self.layers.append(nn.Flatten())
            self.shape = (int(np.prod(self.shape)),)
        if end == "hidden dense":
            self.dense(int(self.rng.integers(4, 33)))
        self.scores(classes)

    def scores(self, classes: int):
        """The last layer, and what may stand behind it."""
        # A quantised bias has the scale of what is multiplied.
        kind = self.pick("none", *BIASES if self.reads_quantised() else ["float"])
        given = {"bias": kind != "none", "bias_quant": BIASES.get(kind)}
        quantiser = self.named_weights(0.4)
        self.layers.append(qnn.QuantLinear(self.shape[0], classes, weight_quant=quantiser, **given))
        self.shape = (classes,)
        behind = self.pick("nothing", "nothing", "batch norm", "TensorNorm", "ScaleBias")
        if behind == "batch norm":
            self.norm()
        elif behind == "TensorNorm":
            self.layers.append(TensorNorm())
        elif behind == "ScaleBias":
            self.layers.append(qnn.ScaleBias(classes, bias=False, runtime_shape=(1, -1)))


class Standardise(nn.Module):
    """(x - mean) / std."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x):
        return (x - self.mean) / self.std


class Residual(nn.Module):
    """The body's output and its input, added up."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x) + x


class Concatenated(nn.Module):
    """Channels of several branches, one behind the other."""

    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def _settled(module: nn.Module, shape, rng) -> None:
    """Weights spread, scales and statistics collected from random pictures, then moved; evaluation mode."""
    for layer in module.modules():
        if isinstance(layer, (qnn.QuantLinear, qnn.QuantConv2d)):
            nn.init.normal_(layer.weight, std=0.4)
    module.train()
    with torch.no_grad():
        for _ in range(CALIBRATION):
            module(torch.from_numpy(rng.integers(0, 256, (16, *shape)).astype(np.float32) / 255))
        for layer in module.modules():
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                size = layer.num_features
                layer.weight.copy_(torch.from_numpy(rng.uniform(0.3, 2, size) * rng.choice([-1, 1], size)))
                layer.bias.copy_(torch.from_numpy(rng.normal(0, 0.4, size)))
                layer.running_mean.mul_(torch.from_numpy(rng.uniform(0.5, 1.5, size)))
            if isinstance(layer, qnn.ScaleBias):
                layer.weight.copy_(torch.from_numpy(rng.uniform(0.3, 2, layer.weight.shape)))
    module.eval()


# XNOR-Net: the scale is the mean magnitude of the weights.
BinaryOfMeans = SignedBinaryWeightPerTensorConst.let(
    scaling_impl_type=ScalingImplType.STATS, scaling_stats_op=StatsOp.AVE, scaling_const=None,
    scaling_stats_permute_dims=None,
)  # fmt: skip
BinaryOfMeansPerChannel = BinaryOfMeans.let(scaling_per_output_channel=True)
BinaryLearned = BinaryOfMeans.let(scaling_impl_type=ScalingImplType.PARAMETER_FROM_STATS)  # starts there
BinaryPowerOfTwo = BinaryOfMeans.let(restrict_scaling_type=RestrictValueType.POWER_OF_TWO)
# -s, 0, +s; s is a share of the largest weight.
TernaryOfMaxima = SignedTernaryWeightPerTensorConst.let(
    scaling_impl_type=ScalingImplType.STATS, scaling_stats_op=StatsOp.MAX, scaling_const=None
)
TernaryOfMaximaPerChannel = TernaryOfMaxima.let(scaling_per_output_channel=True)

# name -> (quantiser of weights, its bits; None: any of 2 to 8)
WEIGHTS = {
    "binary, scale 0.1": (SignedBinaryWeightPerTensorConst, 1),
    "binary, scale 1": (SignedBinaryWeightPerTensorConst.let(scaling_const=1.0), 1),
    "binary, mean": (BinaryOfMeans, 1), "binary, mean per channel": (BinaryOfMeansPerChannel, 1),
    "binary, learned": (BinaryLearned, 1), "binary, power of two": (BinaryPowerOfTwo, 1),
    "ternary, scale 0.1": (SignedTernaryWeightPerTensorConst, 2), "ternary, maximum": (TernaryOfMaxima, 2),
    "ternary, maximum per channel": (TernaryOfMaximaPerChannel, 2),
    "bnn_pynq": (CommonWeightQuant.let(bit_width=2), 2),
    "integers, float": (bq.Int8WeightPerTensorFloat, None),
    "integers, float per channel": (bq.Int8WeightPerChannelFloat, None),
    "integers, power of two": (bq.Int8WeightPerTensorFixedPoint, None),
    "integers, power of two per channel": (Int8WeightPerChannelFixedPoint, None),
    "integers, least squares": (bq.Int8WeightPerTensorFloatMSE, None),
    "integers, least squares per channel": (bq.Int8WeightPerChannelFloatMSE, None),
    "integers, decoupled": (bq.Int4WeightPerTensorFloatDecoupled, 4),
    "integers, weight norm": (bq.Int8WeightNormL2PerChannelFixedPoint, None),
    "integers, accumulator aware": (bq.Int8AccumulatorAwareWeightQuant, None),
    "integers, zero point": (ShiftedUint8WeightPerTensorFloat, None),
}  # fmt: skip

# name -> (quantiser of activations, its bits; None: any of 2 to 8, whether it gives negative numbers)
ACTIVATIONS = {
    "binary, scale 0.1": (SignedBinaryActPerTensorConst, 1, True),
    "binary, scale 1": (SignedBinaryActPerTensorConst.let(scaling_const=1.0), 1, True),
    "ternary": (SignedTernaryActPerTensorConst.let(scaling_const=0.7), 2, True),
    "bnn_pynq, 1 bit": (CommonActQuant.let(bit_width=1), 1, True),
    "bnn_pynq, 2 bits": (CommonActQuant.let(bit_width=2), 2, True),
    "signed, float": (bq.Int8ActPerTensorFloat, None, True),
    "signed, power of two": (bq.Int8ActPerTensorFixedPoint, None, True),
    "signed, least squares": (bq.Int8ActPerTensorFloatMSE, None, True),
    "unsigned, float": (bq.Uint8ActPerTensorFloat, None, False),
    "unsigned, power of two": (bq.Uint8ActPerTensorFixedPoint, None, False),
    "unsigned, least squares": (bq.Uint8ActPerTensorFloatMSE, None, False),
    "zero point": (ShiftedUint8ActPerTensorFloat, None, True),
}


def weight_quantiser(name: str, bits: int):
    """The quantiser of weights of that name with that many bits, where it leaves them open."""
    quantiser, own = WEIGHTS[name]
    return quantiser if own else quantiser.let(bit_width=bits)


def activation_quantiser(name: str, bits: int):
    """The quantiser of activations of that name with that many bits, where it leaves them open."""
    quantiser, own, _ = ACTIVATIONS[name]
    return quantiser if own else quantiser.let(bit_width=bits)
