"""The layers of a network: Brevitas' own, with one-bit or 8-bit quantisers; and what replaces the quantisers
while a network trains.

    weights      sign(latent), in {-1, +1}, sign(0) = +1
    activations  sign(x), in {-1, +1}, sign(0) = +1

`conv`, `linear`, `sign_layer` and the 8-bit layers make the layers of our networks. They are ordinary
Brevitas layers, and a network of them is exported as it is. A training method replaces the `tensor_quant` of
their proxies by a `Quantiser`, which computes the same values and says where a gradient passes. So one
network trains, is evaluated and is exported, and any network of Brevitas layers can be trained like that.

The default is the straight-through estimator (Hubara et al., "Binarized Neural Networks", NIPS 2016,
equations 1 and 4): the gradient of a weight passes unchanged, and latents stay in [-1, +1]; that of an
activation passes where |x| < 1.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import brevitas.nn as qnn
import torch
from brevitas.core.quant import BinaryQuant, ClampedBinaryQuant
from brevitas.core.scaling import ConstScaling
from brevitas.inject.enum import RestrictValueType, ScalingImplType
from brevitas.nn.quant_layer import QuantNonLinearActLayer, QuantWeightBiasInputOutputLayer
from brevitas.proxy import ActQuantProxyFromInjector
from brevitas.proxy.quant_proxy import QuantProxyFromInjector
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas.quant.fixed_point import Int8ActPerTensorFixedPoint, Int8WeightPerTensorFixedPoint
from torch import nn

# A module that is used by its attributes: torch's stubs let each attribute of a module be a tensor or a
# module,
# and parameters and statistics of batch norms be None.
AnyModule: TypeAlias = Any

# A short training hardly moves latents that start in [-1, 1]: 2.7 epochs from 0.1 beat 8.4 from 1.
LATENT_START = 0.1


# Functions


def signs(x: torch.Tensor) -> torch.Tensor:
    """Return -1 and +1, with +1 for 0."""
    # -1, 0, +1 become -1, +1, +1: five times as fast as torch.where, which goes through float32.
    return x.sign().add_(0.5).sign_()


class HardTanhSign(torch.autograd.Function):
    """sign; the gradient passes where |x| < 1."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return signs(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return torch.ops.aten.hardtanh_backward(*gradients, *ctx.saved_tensors, -1.0, 1.0)


class TriangularSign(HardTanhSign):
    """sign with the gradient 2 - 2|x| on [-1, 1), else 0 (Liu et al., "Bi-Real Net", ECCV 2018)."""

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return gradients[0] * x.abs().mul_(-2).add_(2).clamp_(min=0)


class SignThrough(torch.autograd.Function):
    """sign with the gradient of the identity."""

    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return signs(x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:  # noqa: ARG004
        return gradients[0]


class Levelled(torch.autograd.Function):
    """Nearest (`down`: lower) of `count` multiples of 2 * limit / count from -limit; hard tanh."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, limit: float, count: int, down: bool) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.limit, half = limit, count // 2
        level = x.mul(half / limit)
        return (level.floor_() if down else level.round_()).clamp_(-half, half - 1).mul_(limit / half)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[Any, ...]:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(*gradients, x, -ctx.limit, ctx.limit), None, None, None


# Quantisers of layers in training


class Quantiser(nn.Module):
    """What a proxy of a layer calls `tensor_quant`: a tensor to its quantised values, their scale, zero point
    and bit width. A subclass says what the values are.

    Attributes:
        scaling_impl: Brevitas' module that returns the scale, that of the quantiser replaced; None if the
            scale is 1.
        applied: whether the values are multiplied by the scale here, and not behind the layer.
    """

    bits: float = 1.0
    applied = True

    def __init__(self):
        super().__init__()
        self.scaling_impl: AnyModule = None

    def own_scale(self, x: torch.Tensor) -> torch.Tensor:
        """The scale by Brevitas, its threshold of 1 made on x's device: a GPU waits for copies."""
        return self.scaling_impl(x, x.new_ones(1))

    def values(self, x: torch.Tensor, /) -> torch.Tensor:
        """Return the values in units of the scale, with the gradient of the method."""
        raise NotImplementedError

    def quantised(self, x: torch.Tensor) -> torch.Tensor:
        """Return the values times the scale."""
        return self.values(x) * self.own_scale(x) if self.scaling_impl and self.applied else self.values(x)

    def scale(self, x: torch.Tensor, /) -> torch.Tensor:
        """Return the scale, of which the quantised tensor is a multiple."""
        return self.own_scale(x) if self.scaling_impl and self.applied else torch.ones(())

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return what Brevitas' quantisers do: the quantised tensor, scale, zero point and bit width."""
        return self.quantised(x), self.scale(x), torch.zeros(()), torch.tensor(self.bits)


class Weights(Quantiser):
    """sign(latent) with the identity's gradient: quantiser of binary layers, base of others."""

    def values(self, x: torch.Tensor, /) -> torch.Tensor:
        return SignThrough.apply(x)


class Sign(Quantiser):
    """sign(x) with the gradient of an autograd function, in units of the scale."""

    def __init__(self, function: Any = HardTanhSign):
        super().__init__()
        self.function = function

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return self.function.apply(x if self.scaling_impl is None else x / self.own_scale(x))


class Levels(Quantiser):
    """Rounds to 2**bits levels from -limit on, nearest or down; bfloat16 cannot hold its input."""

    def __init__(self, limit: float, bits: int = 8, down: bool = False):
        super().__init__()
        self.limit, self.bits, self.count, self.down = limit, float(bits), 2**bits, down

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return Levelled.apply(x.float(), self.limit, self.count, self.down)

    def scale(self, _x: torch.Tensor) -> torch.Tensor:
        return torch.tensor(2 * self.limit / self.count)


class Real(Quantiser):
    """No quantisation; with a `step`, numbers are rounded to its multiples of at most `limit`, with the
    gradient of the identity."""

    def __init__(self, step: float = 0.0, limit: float = float("inf")):
        super().__init__()
        self.step, self.limit, self.bits = step, limit, 8.0 if step else 32.0

    def values(self, x: torch.Tensor) -> torch.Tensor:
        if not self.step:
            return x
        return (x + (x / self.step).round().mul(self.step).sub(x).detach()).clamp(-self.limit, self.limit)

    def scale(self, _x: torch.Tensor) -> torch.Tensor:
        return torch.tensor(self.step or 1.0)


# Layers


def _forward(layer: AnyModule, x, usual: Callable):
    """Brevitas' forward pass without what our layers do not have: quantised inputs, outputs and biases."""
    quantiser = layer.weight_quant.tensor_quant
    if layer.weight_quant.export_mode or not isinstance(quantiser, Quantiser):
        return usual(x)
    grid = getattr(layer, "bias_grid", None)
    bias = grid.quantised(layer.bias) if grid else layer.bias
    return layer.inner_forward_impl(x, quantiser.quantised(layer.weight), bias)


class Conv(qnn.QuantConv2d):
    """Convolution; `bias_grid`, if there is one, rounds its bias."""

    @torch.no_grad()
    def store_deployed(self) -> None:
        """Put the bias on its grid."""
        if grid := getattr(self, "bias_grid", None):
            self.bias.copy_(grid.quantised(self.bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _forward(self, x, super().forward)


class Linear(qnn.QuantLinear):
    """Dense layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _forward(self, x, super().forward)


class Identity(qnn.QuantIdentity):
    """Activation."""

    function: Any = HardTanhSign

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        quantiser = self.act_quant.fused_activation_quant_proxy.tensor_quant
        short = isinstance(quantiser, Quantiser) and not self.act_quant.export_mode
        return quantiser.quantised(x) if short else super().forward(x)


class BinaryWeights(SignedBinaryWeightPerTensorConst):
    """-1 and +1."""

    scaling_const = 1.0


class ShiftedWeights(SignedBinaryWeightPerTensorConst):
    """-1 and +1 times a power of two that is learned, from `scaling_init` on."""

    scaling_impl_type, restrict_scaling_type = ScalingImplType.PARAMETER, RestrictValueType.POWER_OF_TWO


class BinaryActivations(SignedBinaryActPerTensorConst):
    """-1 and +1."""

    scaling_const = 1.0


class EightWeights(Int8WeightPerTensorFixedPoint):
    """q / 128, q in -127..127, also in training."""

    scaling_impl_type, restrict_scaling_type = ScalingImplType.CONST, RestrictValueType.FP
    scaling_init = 127 / 128


class EightActivations(Int8ActPerTensorFixedPoint):
    """k / 128 times `scaling_init`, k in -128..127."""

    scaling_impl_type, restrict_scaling_type, scaling_init = ScalingImplType.CONST, RestrictValueType.FP, 1.0
    narrow_range = False


def conv(inputs: int, outputs: int, kernel: int, **options: Any) -> Conv:
    """A square binary convolution without padding and bias; `options` are stride, groups and dilation."""
    return _started(Conv(inputs, outputs, kernel, bias=False, weight_quant=BinaryWeights, **options))


def linear(inputs: int, outputs: int) -> Linear:
    """A binary dense layer without bias."""
    return _started(Linear(inputs, outputs, bias=False, weight_quant=BinaryWeights))


def head(inputs: int, outputs: int) -> Conv:
    """A 1x1 convolution with 8-bit weights and a bias in 128ths."""
    layer = Conv(inputs, outputs, 1, weight_quant=EightWeights)
    layer.bias_grid = Real(2.0**-7)
    nn.init.normal_(layer.weight, std=inputs**-0.5)
    return layer


def sign_layer(function: Any = None) -> Identity:
    """The activation: sign with an autograd function's gradient, or what the method has instead."""
    layer = Identity(act_quant=BinaryActivations)
    layer.function = function or HardTanhSign
    return layer


def in_place_of(layer: AnyModule) -> AnyModule:
    """Return a layer of the sizes of `layer`, without bias, with 8-bit weights."""
    options = {"bias": False, "weight_quant": EightWeights}
    if isinstance(layer, qnn.QuantLinear):
        return qnn.QuantLinear(layer.in_features, layer.out_features, **options)
    return qnn.QuantConv2d(
        layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, dilation=layer.dilation,
        groups=layer.groups, **options,
    )  # fmt: skip


def eight_act(limit: float) -> Identity:
    """Rounds to the nearest of 256 values from -limit on, limit / 128 apart; limit = 2^k."""
    return Identity(act_quant=EightActivations, scaling_init=limit)


def _started(layer):
    nn.init.uniform_(layer.weight, -LATENT_START, LATENT_START)
    return layer


# What a network consists of, and how its quantisers are replaced

GIVEN = BinaryQuant, ClampedBinaryQuant
BINARY, SIGN = (*GIVEN, Weights), (*GIVEN, Sign)


def is_binary(layer: AnyModule) -> bool:
    """Return whether only the sign of a layer's `weight` counts."""
    kind = QuantWeightBiasInputOutputLayer
    return isinstance(layer, kind) and isinstance(layer.weight_quant.tensor_quant, BINARY)


def binary_layers(network: nn.Module) -> dict[str, AnyModule]:
    """Return the binary layers by name, in the order of the network."""
    return {name: layer for name, layer in network.named_modules() if is_binary(layer)}


def latents(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the latent weights by layer name, in the order of the network."""
    return {name: layer.weight for name, layer in binary_layers(network).items()}


def quantiser(layer: AnyModule) -> AnyModule:
    """Return the quantiser of a layer's weights, or of an activation or its proxy; None if it has none."""
    if isinstance(layer, QuantNonLinearActLayer):
        layer = layer.act_quant
    if isinstance(layer, ActQuantProxyFromInjector):
        return getattr(layer.fused_activation_quant_proxy, "tensor_quant", None)
    return layer.weight_quant.tensor_quant


def set_quantiser(layer: AnyModule, new: Quantiser) -> None:
    """Replace the quantiser of a layer's weights, or of an activation or its proxy. Brevitas then passes
    plain tensors on, unless the layer returns quantised ones."""
    old, plain = quantiser(layer), not getattr(layer, "return_quant_tensor", True)
    if isinstance(old, GIVEN) and new.bits == 1:
        fixed = isinstance(old.scaling_impl, ConstScaling)
        new.scaling_impl = None if fixed and old.scaling_impl(torch.ones(1)) == 1 else old.scaling_impl
    if isinstance(layer, QuantNonLinearActLayer):
        layer = layer.act_quant
    if isinstance(layer, ActQuantProxyFromInjector):
        proxy = layer
        proxy.fused_activation_quant_proxy.tensor_quant = new
    else:
        proxy, plain = layer.weight_quant, plain and layer.bias is None
        proxy.tensor_quant = new
    proxy.skip_create_quant_tensor = plain


def submodules(network: nn.Module) -> Callable[[str], AnyModule]:
    """Return what finds a part of a network by its name."""
    return network.get_submodule


def _proxies(network: nn.Module) -> list[AnyModule]:
    return [part for part in network.modules() if isinstance(part, QuantProxyFromInjector)]


def keep_quantisers(network: nn.Module) -> None:
    """Let every proxy keep its quantiser when numbers are loaded: Brevitas would make it anew, and the
    parameters that an optimiser holds with it."""
    for part in _proxies(network):
        part.init_tensor_quant = _keep


def _keep(*_, **__) -> None:
    """Stands for the `init_tensor_quant` of a proxy."""


def activations(network: nn.Module) -> list[AnyModule]:
    """The binary activations in order: layers, and proxies of other layers' inputs and outputs."""
    found, seen = [], set()
    for part in network.modules():
        inner = [getattr(part, name, None) for name in ("input_quant", "output_quant")]
        for one in (part if isinstance(part, QuantNonLinearActLayer) else None, *inner):
            if one is not None and id(one) not in seen and isinstance(quantiser(one), SIGN):
                seen.add(id(one))
                found.append(one)
    return found


def function_of(act: AnyModule) -> Any:
    """Return the sign that an activation states; of any other Brevitas layer, the one with a hard tanh."""
    return getattr(act, "function", HardTanhSign)


def prepare(
    network: nn.Module,
    weights: Callable[[AnyModule], Any] | None = None,
    sign: Callable[[AnyModule], Any] | None = None,
) -> nn.Module:
    """Replace the quantisers of a fresh network by those that train; return the network.

    Args:
        weights: the binary layer to its quantiser, called in the order of the network; default `Weights`.
        sign: the binary activation to its quantiser; default `Sign`.
    """
    for act in activations(network):
        set_quantiser(act, sign(act) if sign else Sign(function_of(act)))
    layer: AnyModule
    for layer in network.modules():
        if is_binary(layer):
            set_quantiser(layer, weights(layer) if weights else Weights())
        elif _made_with(layer, "act_quant", EightActivations):
            proxy = layer.act_quant
            bits, down = int(proxy.bit_width()), proxy.rounding_mode == "FLOOR"
            set_quantiser(layer, Levels(proxy.scale().item() * 2 ** (bits - 1), bits, down))
        elif _made_with(layer, "weight_quant", EightWeights):
            step = layer.weight_quant.scale().item()
            set_quantiser(layer, Real(step, 127 * step))
    keep_quantisers(network)
    return network


def state_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the `state_dict` of a network, and what Brevitas leaves out of it: the scales that are being
    measured, with the number of steps so far. Without them, a loaded network would not measure on."""
    found = network.state_dict()
    for name, part in _measuring(network).items():
        own = [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]
        found |= {f"{name}.{key}": value.detach() for key, value in own}
        found[f"{name}.counter"] = torch.tensor(part.counter)
    return found


@torch.no_grad()
def load_state(network: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Restore what `state_of` returned. Every parameter stays the object that the optimiser holds."""
    left, parts = dict(state), _measuring(network)
    kept = {
        name: {key: left.pop(f"{name}.{key}") for key in ("counter", *part._buffers)}
        for name, part in parts.items()
    }
    network.load_state_dict(left)
    for name, numbers in kept.items():
        parts[name].counter = int(numbers.pop("counter"))
        for key, value in numbers.items():
            getattr(parts[name], key).copy_(value)


def _measuring(network: nn.Module) -> dict[str, AnyModule]:
    named = network.named_modules()
    return {name: part for name, part in named if isinstance(getattr(part, "counter", None), int)}


def allow_export(network: nn.Module) -> nn.Module:
    """Let a trained network be exported: Brevitas again passes on what its exporter reads; return it."""
    for part in _proxies(network):
        part.skip_create_quant_tensor = False
    return network


def _made_with(layer: AnyModule, proxy: str, injector: type) -> bool:
    found = getattr(layer, proxy, None)
    return found is not None and issubclass(found.quant_injector, injector)
