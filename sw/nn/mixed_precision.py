"""Layers of 8 bits or one bit, chosen layer by layer, for partly binarised networks.

A network is divided into `units` in the order of the data flow; a unit is the layers that read one
activation. An activation is a sign or an 8-bit number k / 128 in [-1, 127/128]. This is the grid of the
pixels; the padding value -1 is on it, and replacing it by a sign later changes the sign only of [-1/256, 0).
The weights of a layer have one of three forms:

    BINARY   sign(W)                           hardware: XNOR and popcount, or sums of +-x
    EIGHT    W rounded to 8 bits               hardware: integers q in -127..127
    REAL     W                                 training only

The batch norm after a layer multiplies channel c by a_c = gamma_c / sqrt(var_c + eps). An 8-bit layer moves
a_c into its weights, W_c a_c = 2^k q_c / 128 with one k per layer (`folded`), and batch norm is left as a
shift: multiply, add, compare. Between binary weights and an 8-bit activation, a_c keeps as many significant
bits as float32 has room for. Training divides by a_c again, so that batch norm uses the statistics of each
batch while the weights are those of the hardware. Evaluation computes the deployed numbers. All of it is
exact in float32: trained module, deployed module, ONNX and integers agree with `==`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from brevitas.nn import QuantIdentity
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.binary import AnyModule, EightActivations
from xnorforge.sw.nn.rectifiers import InPlaceOf

STEP = 2.0**-7  # of 8-bit weights and activations
# the scores' real and 8-bit weights times this are of the size of bits: latents start at 1/20 on average
GAIN = 16.0
HEADROOM = (
    256.0  # largest sum of |W a| / 2^k in a filter; times 3 * 2^14 (levels and their offset) it is below 2^24
)
FINEST = 2.0**-16  # gains and shifts are multiples of it
LARGEST_SHIFT = 2.0**22  # of batch norm, in steps of its sums


class Form(Enum):
    """What replaces the weights of a layer."""

    REAL, EIGHT, BINARY = "real", "eight", "binary"


@dataclass(frozen=True)
class Unit:
    """The layers that read one activation: a convolution of one or more rates or a dense layer, and a
    parallel projected shortcut.

    Attributes:
        name: position of the first layer in the network.
        act: name of the activation, None for pixels.
        sums: names of the layers that are added up, with the name of the batch norm that follows (None: the
            scores).
        weights, filters: numbers of weights and filters.
    """

    name: str
    act: str | None
    sums: tuple[tuple[tuple[str, ...], str | None], ...]
    weights: int
    filters: int

    @property
    def layers(self) -> list[tuple[str, str | None]]:
        """Each layer with its batch norm."""
        return [(name, norm) for names, norm in self.sums for name in names]


@torch.no_grad()
def units(network: nn.Module, shape: tuple[int, int, int]) -> list[Unit]:
    """Return the units of a network in the order in which a picture of `shape` (C, H, W) meets them.

    An 8-bit head (`building_blocks.Head`) is not a unit: it is left unchanged, as is the sign before it."""
    met: list[tuple[str, str | None]] = []
    hooks = []
    for name, module in network.named_modules():
        kinds = {
            "layer": binary.is_binary(module), "norm": isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)),
            "act": isinstance(module, QuantIdentity),
        }  # fmt: skip
        for kind in (kind for kind, found in kinds.items() if found):
            hooks.append(module.register_forward_pre_hook(lambda *_, found=(kind, name): met.append(found)))
    mode, some = network.training, next(network.parameters())
    network.eval()(torch.zeros(1, *shape, device=some.device))
    network.train(mode)
    for hook in hooks:
        hook.remove()

    groups: dict[str | None, list[tuple[tuple[str, ...], str | None]]] = {}
    act: str | None = None
    added: list[str] = []
    for kind, name in [*met, ("end", None)]:
        if kind == "layer" and name is not None:
            added.append(name)
            continue
        if added:
            groups.setdefault(act, []).append((tuple(added), name if kind == "norm" else None))
            added = []
        act = name if kind == "act" else act
    found = []
    layer_of = binary.submodules(network)
    for act, sums in groups.items():
        (first, *_), norm = sums[0]
        weights = [[layer_of(name).weight for name in names] for names, _ in sums]
        count = sum(weight.numel() for those in weights for weight in those)
        sizes = count, sum(len(those[0]) for those in weights)
        name = norm.removesuffix(".norm") if norm else first.removesuffix(".dot")
        found.append(Unit(name, act, tuple(sums), *sizes))
    return found


def concatenated(weights: list[torch.Tensor]) -> torch.Tensor:
    """Return the weights of layers that are added up as those of one layer, filters first."""
    return weights[0] if len(weights) == 1 else torch.cat([weight.flatten(1) for weight in weights], 1)


def has_sums(network: nn.Module) -> bool:
    """Return whether a network may have shortcuts: any but a chain may."""
    return not isinstance(network, building_blocks.Network)


def refuse_sums(network: nn.Module, whole: bool) -> None:
    """Raise if a network with shortcuts is not binary as a whole: its sums have no exact form here."""
    if has_sums(network) and not whole:
        raise UserError(
            "layer_priority: a network with shortcuts, or of your own, can only be binarised as a whole; use "
            "mode=w1a1 and binarise=-1 with the defaults of exclude_heads, max_loss and target_ratio, or a "
            "network without shortcuts."
        )


# Training


class Activation(binary.Sign):
    """Sign, or 8 bits while `eight`."""

    eight = False

    def values(self, x: torch.Tensor) -> torch.Tensor:
        return binary.Levelled.apply(x, 1.0, 256, False) if self.eight else super().values(x)


class Formed(binary.Weights):
    """The quantiser of a layer whose weights have a form.

    Attributes:
        form: the form; `reads_eight`, `feeds_eight`: whether its input, and the output of its batch norm, are
            8-bit numbers (or pixels).
        norms: the batch norm that follows, in a list, so that it is not a submodule here; empty for the
            scores.
        added: the layers, including this one, whose sum batch norm reads.
    """

    form, reads_eight, feeds_eight = Form.BINARY, False, False
    norms: Sequence[AnyModule] = ()
    added: Sequence[AnyModule] = ()

    def __init__(self, layer: AnyModule):
        super().__init__()
        self.layer: list[AnyModule] = [layer]

    @property
    def weight(self) -> torch.Tensor:
        """The latent weights."""
        return self.layer[0].weight

    @property
    def affine(self) -> bool:
        """Whether the batch norm that follows is deployed as gain and shift, not as a threshold."""
        binary_to_eight = self.form is Form.BINARY and self.feeds_eight
        return bool(self.norms) and (self.form is Form.EIGHT or binary_to_eight)

    @property
    def length(self) -> int:
        """The number of products in a sum that batch norm reads."""
        return sum(layer.weight[0].numel() for layer in self.added)

    def values(self, _x: torch.Tensor) -> torch.Tensor:
        """The weights of the forward pass."""
        if self.form is Form.REAL:
            return self.weight if self.norms else self.weight * GAIN
        weights = InPlaceOf.apply(self.weight, self.standing_in())
        return weights * GAIN if self.form is Form.EIGHT and not self.norms else weights

    @torch.no_grad()
    def standing_in(self) -> torch.Tensor:
        """The deployed weights; in training times the deployed gain over the norm's own."""
        if not self.affine:
            return binary.signs(self.weight) if self.form is Form.BINARY else eighths(self.weight)
        gain, _, weights = self.constants()
        if not self.training:
            return weights
        own = _columns(affine_of(self.norms[0])[0], weights)
        # Where batch norm multiplies with 0 nothing of the weights is seen, but a channel of zeros could not
        # come back.
        return torch.where(own.abs() > 1e-12, weights * _columns(gain, weights) / own, self.weight)

    def in_place_of_norm(
        self, _norm: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor
    ) -> torch.Tensor | None:
        """Forward hook of batch norm: in evaluation, gain * sum + shift as deployed."""
        if self.training or not self.affine:
            return None
        gain, shift, _ = self.constants()
        shape = (-1, *(1,) * (output.dim() - 2))
        return inputs[0] * gain.view(shape) + shift.view(shape)

    @torch.no_grad()
    def constants(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Gain and shift of the deployed norm, (channels,), and weights: bits or q / 128."""
        gain, shift = affine_of(self.norms[0])
        if self.form is Form.BINARY:
            # Each product with a sum is exact in float32, with room for the shift.
            bits = 23 - (self.length * (128 if self.reads_eight else 1) - 1).bit_length()
            weights, (gain, finest) = binary.signs(self.weight), significant(gain, bits)
        else:
            wanted = [layer.weight * _columns(gain, layer.weight) for layer in self.added]
            unit = grid_unit(concatenated(wanted))
            weights, finest = folded(wanted[self.added.index(self.layer[0])], unit) * STEP, unit * STEP
            gain = unit.expand_as(gain)
        grid = (finest * (STEP if self.reads_eight else 1.0)).clamp(min=FINEST)
        return gain, (shift / grid).round().clamp(-LARGEST_SHIFT, LARGEST_SHIFT) * grid, weights


def set_forms(
    network: nn.Module, found: list[Unit], chosen: set[str], eights: bool, rest: Form = Form.EIGHT
) -> None:
    """Set the form of every layer of a training network: the chosen units binary, the others as `rest`.

    Args:
        eights: 8-bit activations in front of binary units as well (W1A8).
    """
    reads = {unit.act for unit in found if unit.act and (eights or unit.name not in chosen)}  # of 8 bits
    for unit, after in zip(found, [*found[1:], None]):
        if unit.act:
            act: AnyModule = binary.quantiser(network.get_submodule(unit.act))
            act.eight = unit.act in reads
        for names, norm in unit.sums:
            added: list[AnyModule] = [network.get_submodule(name) for name in names]
            layers: list[AnyModule] = [binary.quantiser(layer) for layer in added]
            if norm and not layers[0].norms:
                network.get_submodule(norm).register_forward_hook(layers[0].in_place_of_norm)
            for layer in layers:
                layer.form = Form.BINARY if unit.name in chosen else rest
                layer.norms, layer.added = [network.get_submodule(norm)] if norm else [], added
                layer.reads_eight = unit.act is None or unit.act in reads
                layer.feeds_eight = norm is not None and after is not None and after.act in reads


# The grid


@torch.no_grad()
def affine_of(norm: AnyModule) -> tuple[torch.Tensor, torch.Tensor]:
    """Return gain a and shift, (channels,), of batch norm in evaluation: a x + shift."""
    gain = norm.weight * (norm.running_var + norm.eps).rsqrt()
    return gain, norm.bias - norm.running_mean * gain


def grid_unit(weights: torch.Tensor) -> torch.Tensor:
    """Return the power of two 2^k with the smallest k that keeps |q| <= 127, and each filter's sum of |q|
    small enough for exact addition in float32; q as in `folded`."""
    largest, sums = weights.abs().max() * (128 / 127), weights.abs().flatten(1).sum(1).max() / HEADROOM
    _, exponent = torch.frexp(torch.maximum(largest, sums).clamp(min=FINEST))
    return torch.ldexp(torch.ones_like(largest), exponent)


def folded(weights: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """Return the 8-bit integers q, in units of q / 128, nearest to the weights."""
    return (weights / (unit * STEP)).round_().clamp_(-127, 127)


def eighths(weights: torch.Tensor) -> torch.Tensor:
    """Nearest multiples of 2^j / 128 to 127/128; j = 0 unless a filter's sum exceeds float32."""
    sums = weights.abs().flatten(1).sum(1).max() / HEADROOM
    step = torch.ldexp(torch.ones_like(sums), torch.frexp(sums)[1].clamp(min=0)) * STEP
    limit = (127 * STEP / step).floor()
    return (weights / step).round_().clamp_(-limit, limit) * step


def significant(numbers: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest numbers of `bits` significant bits, none finer than `FINEST`, and their steps."""
    step = torch.ldexp(torch.ones_like(numbers), torch.frexp(numbers)[1] - bits).clamp(min=FINEST)
    return (numbers / step).round_() * step, step


def _columns(numbers: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """One number per filter, shaped to multiply the weights."""
    return numbers.view(-1, *(1,) * (weights.dim() - 1))


# Deployment


@torch.no_grad()
def finish(network: nn.Module) -> nn.Module:
    """Put Brevitas' layers in the place of all that computes with 8 bits in a trained network whose forms are
    set, and gain and shift in that of batch norms which are no threshold; return the network."""
    names = {module: name for name, module in network.named_modules()}
    found = {name: (layer, binary.quantiser(layer)) for name, layer in binary.binary_layers(network).items()}
    constants = {name: own.constants() for name, (_, own) in found.items() if own.affine}
    for act in binary.activations(network):
        if binary.quantiser(act).eight:
            network.set_submodule(names[act], QuantIdentity(act_quant=EightActivations))
    for name, (layer, own) in found.items():
        if own.affine:
            gain, shift, _ = constants[name]
            norm = type(own.norms[0])(len(gain), eps=1e-30)  # 1 + eps is 1
            norm.weight.copy_(gain)
            norm.bias.copy_(shift)
            network.set_submodule(names[own.norms[0]], norm)
            binary.set_quantiser(layer, binary.Weights())  # which no longer reads the norm
        if own.form is Form.BINARY:
            continue
        new = binary.in_place_of(layer)
        new.weight.copy_(constants[name][2] if own.affine else eighths(layer.weight))
        network.set_submodule(name, new)
        if not own.norms:
            scores: AnyModule = network.get_submodule(name.removesuffix(".dot"))
            scores.scale *= GAIN
    return network.eval()
