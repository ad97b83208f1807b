"""8-bit ends: the grids by hand, and what is deployed computes what was trained."""

import numpy as np
import pytest
import torch

from xnorforge.core.errors import UserError
from xnorforge.sw.methods import group_net
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.eight_bit import EightConv, EightScores
from xnorforge.sw.training import train, weights

from .eight_bit_nets import RESIDUAL, deployed, drawn
from .given_networks import give_network


@pytest.mark.parametrize("name", RESIDUAL)
def test_what_is_deployed_and_written_is_what_was_trained_bit_for_bit(name):
    network = drawn(RESIDUAL[name])
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 8, 8), np.uint8)
    expected = train.scores(network, images)
    assert len(np.unique(expected)) > 1000
    found = deployed(network, RESIDUAL[name])
    again = weights.unpack(RESIDUAL[name](), weights.packed_weights(found), "here")
    for one in (found, again):
        np.testing.assert_array_equal(train.scores(one, images), expected)


def conv_of(weight: float, gamma: float, beta: float) -> EightConv:
    """One weight behind a batch norm of variance 1 and mean 0."""
    conv = EightConv(1, 1, 1)
    conv.norm.eps = 0.0
    with torch.no_grad():
        conv.dot.weight.fill_(weight)
        conv.norm.weight.fill_(gamma)
        conv.norm.bias.fill_(beta)
    conv.on_grid = True
    return conv.eval()


def test_weights_times_gain_are_128ths_of_the_least_power_of_two_that_holds_them():
    """0.3 * 2 = 0.6 = 76.8 / 128, so 77; 0.3 * 10 = 3 = 4 * 96 / 128; the shift is 0.1 = 409.6 / 4096."""
    weights, unit, shift = conv_of(0.3, 2.0, 0.1).constants()
    assert (weights.item() * 128, unit.item(), shift.item() * 4096) == (77, 1, 410)
    weights, unit, _ = conv_of(0.3, -10.0, 0.0).constants()
    assert (weights.item() * 128, unit.item()) == (-96, 4)
    x = torch.tensor(-0.5).view(1, 1, 1, 1)
    assert conv_of(0.3, 2.0, 0.1)(x).item() == -77 / 256 + 410 / 4096


def test_the_largest_weight_fits_127_steps():
    """127.4 / 128 would be 127 steps of one, but 127.6 / 128 takes the next power of two."""
    assert conv_of(127.4 / 128 * 127 / 128, 1.0, 0.0).constants()[1] == 1
    weights, unit, _ = conv_of(127.6 / 128, 1.0, 0.0).constants()
    assert (weights.item() * 128, unit.item()) == (64, 2)


def test_on_the_grid_weights_and_norm_still_learn_and_statistics_rest():
    conv = conv_of(0.3, 2.0, 0.1).train()
    conv(torch.full((2, 1, 1, 1), 0.5)).sum().backward()
    assert (conv.dot.weight.grad.item(), conv.norm.weight.grad.item()) == pytest.approx((2.0, 0.3))
    assert conv.norm.bias.grad == 2 and conv.norm.running_mean == 0


def test_scores_have_coarser_weights_where_their_sums_are_large():
    """Sums of |w| up to 16 are in steps of 1/128; 40 asks for 4 times that, so 1.0 becomes 31 * 4 / 128."""
    scores = EightScores(40, 2)
    with torch.no_grad():
        scores.dot.weight.fill_(0.39)
        assert (scores.rounded() * 128 == 50).all()
        scores.dot.weight[0].fill_(1.0)
        rounded = scores.rounded() * 128
    assert (rounded[0] == 124).all() and (rounded[1] == 48).all()


def test_activations_are_256_levels_between_minus_and_plus_the_limit():
    x = torch.tensor([-9.0, -8.0, 0.03, 0.04, 7.99, 20.0], requires_grad=True)
    act = binary.eight_act(8.0)
    assert act(x).tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found = binary.prepare(act)(x)
    assert found.tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0] or x.grad.tolist() == [0, 0, 1, 1, 1, 0]


@pytest.mark.parametrize("name", ["projected", "prelu"])
def test_branches_refuse_what_they_cannot_pass_on(name, monkeypatch):
    give_network(monkeypatch, "cifar10-projected", RESIDUAL[name])
    with pytest.raises(UserError, match=r"^group_net: .*8-bit 1x1 shortcuts.* cifar10-resnet20_half_8bit\.$"):
        group_net.Method().build("cifar10-projected")
    assert group_net.Method().build("cifar10-resnet20_half_8bit")
