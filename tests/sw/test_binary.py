"""Layers: values and gradients by hand, and quantisers that train against those of an export."""

import brevitas.nn as qnn
import pytest
import torch
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import Network
from xnorforge.sw.nn.rectifiers import Rectifier

from .maps import pictures
from .nets import FEW, NETS

# A fresh layer as it is exported, and with the quantiser with which it trains.
both = pytest.mark.parametrize("prepared", [lambda layer: layer, binary.prepare], ids=["exported", "trains"])


def shaken(net: str, seed: int = 0) -> Network:
    """A network in training, whose batch norms are not at their start, negative gammas included."""
    torch.manual_seed(seed)
    network = base.create("ste").build(net)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor, low, high in (
                (module.weight, -1, 1), (module.bias, -1, 1), (module.running_mean, -9, 9),
                (module.running_var, 1, 99),
            ):  # fmt: skip
                nn.init.uniform_(tensor, low, high)
        if isinstance(module, Rectifier):
            nn.init.uniform_(module.slope, 0, 1)
    return network.eval()


@both
def test_sign_of_zero_is_plus_one(prepared):
    x = torch.tensor([-2.0, -0.0, 0.0, 1e-30, -1e-30])
    assert torch.as_tensor(prepared(binary.sign_layer())(x)).tolist() == [-1, 1, 1, 1, -1]


@both
def test_activation_gradient_passes_inside_one_only(prepared):
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5], requires_grad=True)
    (prepared(binary.sign_layer())(x) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 0]


@both
def test_dense_layer_counts_signs_and_its_gradient_is_the_input(prepared):
    dense = prepared(binary.linear(3, 1))
    with torch.no_grad():
        dense.weight.copy_(torch.tensor([[0.3, -0.01, 0.0]]))
    out = dense(torch.tensor([[1.0, 1.0, -1.0]]))
    out.sum().backward()
    assert torch.as_tensor(out).item() == 1 - 1 - 1
    assert dense.weight.grad.tolist() == [[1, 1, -1]]


def test_bfloat16_signs_are_exact():
    sign = binary.prepare(binary.sign_layer())
    assert sign(torch.tensor([-3.0, 0.0, 5.0], dtype=torch.bfloat16)).tolist() == [-1, 1, 1]


def gradients(network: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """Of every parameter, behind a loss that weighs all scores differently."""
    scores = network(x).as_subclass(torch.Tensor)
    (scores * torch.linspace(-1, 1, scores.numel()).view(scores.shape)).sum().backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


@pytest.mark.quick(*FEW)
@pytest.mark.parametrize("net", NETS)
def test_quantisers_that_train_are_brevitas_own_bit_for_bit(net):
    """Scores and every gradient, where 8-bit weights lie on their grid and biases on none: no sum is then the
    end of a gradient. That of an 8-bit activation ends at its limits, Brevitas' where a number rounds to no
    other level (test_networks.py), so the gradients of all others are compared. Signs have Brevitas'
    gradient, that of a hard tanh."""
    trains, exported = shaken(net), networks.build(net).eval()
    with torch.no_grad():
        for layer in trains.modules():
            if isinstance(layer, (binary.Conv, binary.Linear)) and not binary.is_binary(layer):
                layer.weight.mul_(128).round_().clamp_(-127, 127).div_(128)
                if layer.bias is not None:
                    layer.bias_grid = None
                    layer.bias.uniform_(-1, 1)
    exported.load_state_dict(trains.state_dict())
    x = pictures(net, 5)
    with torch.no_grad():
        assert torch.equal(trains(x), exported(x).as_subclass(torch.Tensor))
    for name, part in trains.named_modules():
        if not isinstance(part, binary.Identity):
            continue
        if isinstance(binary.quantiser(part), binary.Sign):
            binary.quantiser(part).function = binary.HardTanhSign
        elif isinstance(binary.quantiser(part), binary.Levels):
            part.act_quant = exported.get_submodule(name).act_quant
    found, expected = (gradients(network, x) for network in (trains, exported))
    for name, parameter in trains.named_parameters():
        if parameter.requires_grad:
            assert found[name].any() and torch.equal(found[name], expected[name]), name


OWN = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_scaling_const": 1.0, "bias": False}


@pytest.mark.parametrize("layer", [
    lambda: qnn.QuantConv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, **OWN),
    lambda: qnn.QuantConv1d(4, 6, 3, **OWN), lambda: qnn.QuantLinear(4, 6, **OWN),
    lambda: qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0),
], ids=["conv2d", "conv1d", "linear", "identity"])  # fmt: skip
def test_layers_of_brevitas_own_classes_train_too(layer):
    """Values and gradients of the input and of the latents, before and after the quantiser is replaced."""
    made = layer()
    shape = {"QuantConv2d": (2, 4, 9, 9), "QuantConv1d": (2, 4, 9)}.get(type(made).__name__, (2, 4))
    found = []
    for prepared in (False, True):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
        made.zero_grad()
        out = torch.as_tensor((binary.prepare(made) if prepared else made)(x)).as_subclass(torch.Tensor)
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
        found.append([out.detach(), x.grad, *(parameter.grad.clone() for parameter in made.parameters())])
    assert isinstance(binary.quantiser(made), binary.Quantiser)
    for before, after in zip(*found, strict=True):
        assert before.any() and torch.equal(before, after)


def test_latents_start_small_enough_to_flip():
    for latent in binary.latents(networks.build("mnist-tfc")).values():
        assert latent.abs().max() <= binary.LATENT_START
