"""Layers: values and gradients by hand, and the two sets as one function."""

import pytest
import torch
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import Network

from .maps import pictures

SETS = [binary.Plain(), binary.Brevitas()]


def shaken(net: str, layers, seed: int = 0) -> Network:
    """A network whose batch norms are not at their start, negative gammas included."""
    torch.manual_seed(seed)
    network = networks.build(net, layers)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor, low, high in (
                (module.weight, -1, 1), (module.bias, -1, 1), (module.running_mean, -9, 9),
                (module.running_var, 1, 99),
            ):  # fmt: skip
                nn.init.uniform_(tensor, low, high)
    return network.eval()


@pytest.mark.parametrize("layers", SETS, ids=["plain", "brevitas"])
def test_sign_of_zero_is_plus_one(layers):
    x = torch.tensor([-2.0, -0.0, 0.0, 1e-30, -1e-30])
    assert torch.as_tensor(layers.sign()(x)).tolist() == [-1, 1, 1, 1, -1]


@pytest.mark.parametrize("layers", SETS, ids=["plain", "brevitas"])
def test_activation_gradient_passes_inside_one_only(layers):
    x = torch.tensor([-1.5, -0.5, 0.5, 1.5], requires_grad=True)
    (layers.sign()(x) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 0]


@pytest.mark.parametrize("layers", SETS, ids=["plain", "brevitas"])
def test_dense_layer_counts_signs_and_its_gradient_is_the_input(layers):
    dense = layers.linear(3, 1)
    with torch.no_grad():
        dense.weight.copy_(torch.tensor([[0.3, -0.01, 0.0]]))
    out = dense(torch.tensor([[1.0, 1.0, -1.0]]))
    out.sum().backward()
    assert torch.as_tensor(out).item() == 1 - 1 - 1
    assert dense.weight.grad.tolist() == [[1, 1, -1]]


def test_bfloat16_signs_are_exact():
    assert binary.Sign()(torch.tensor([-3.0, 0.0, 5.0], dtype=torch.bfloat16)).tolist() == [-1, 1, 1]


# Ends of 8 bits are real until they are deployed (test_eight_bit.py).
@pytest.mark.parametrize("net", [net for net in networks.names() if not net.endswith("_8bit")])
def test_plain_twin_gives_the_scores_of_brevitas_bit_for_bit(net):
    plain = shaken(net, binary.Plain())
    exported = networks.build(net)
    exported.load_state_dict(plain.state_dict())
    x = pictures(net, 8)
    with torch.no_grad():
        assert torch.equal(plain(x), exported.eval()(x).as_subclass(torch.Tensor))


def test_latents_start_small_enough_to_flip():
    for latent in binary.latents(networks.build("mnist-tfc", binary.Plain())).values():
        assert latent.abs().max() <= binary.LATENT_START
