"""Networks: names, sizes, and what the building block computes."""

import pytest
import torch
import torch.nn.functional as F

from xnorforge.errors import UserError
from xnorforge.sw import binary, networks
from xnorforge.sw.networks import Block, Network, Scores


@pytest.mark.parametrize(
    ("net", "weights"),
    [
        ("mnist-tfc", 784 * 64 + 64 * 64 + 64 * 64 + 64 * 10),
        ("mnist-cnn", 9 * 32 + 9 * 32 * 64 + 9 * 64 * 64 + 1024 * 128 + 128 * 10),
        (
            "cifar10-cnv",
            9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256) + 256 * 512 + 512 * 512 + 5120,
        ),
    ],
)
def test_weights_are_those_of_the_topology(net, weights):
    assert sum(latent.numel() for latent in binary.latents(networks.build(net)).values()) == weights


def test_an_unknown_network_is_answered_with_the_nearest():
    with pytest.raises(UserError) as error:
        networks.build("mnist-cnm")
    assert str(error.value) == "NET: no 'mnist-cnm' among cifar10-cnv, mnist-cnn, mnist-tfc. Did you mean 'mnist-cnn'?"


def test_pixels_enter_as_whole_128ths():
    x = torch.arange(256.0).reshape(1, -1)
    assert torch.equal(Network()(x) * 128, x - 128)


def test_the_border_of_a_padded_convolution_is_minus_one():
    block = Block(binary.Plain(), 1, 1, kernel=3, pad=1).eval()
    with torch.no_grad():
        block.dot.weight.fill_(1)
        sums = block.dot(block.pad(torch.ones(1, 1, 3, 3)))
    assert sums[0, 0].tolist() == [[-1, 3, -1], [3, 9, 3], [-1, 3, -1]]


def test_pooling_after_the_sign_gives_the_bits_of_pooling_before():
    torch.manual_seed(0)
    block = Block(binary.Plain(), 2, 4, kernel=3, pool=2).eval()
    torch.nn.init.uniform_(block.norm.weight, -1, 1)
    x = torch.randn(8, 2, 9, 9).sign()
    with torch.no_grad():
        before = block.sign(F.max_pool2d(block.norm(block.dot(x)), 2))
        assert torch.equal(block(x), before)


def test_scores_are_whole_sums_times_a_power_of_two():
    scores = Scores(binary.Plain(), 64, 10, 2**-3)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(0)).sign()
    whole = scores(x) * 8
    assert torch.equal(whole, whole.round())
    assert torch.equal(whole % 2, torch.zeros(5, 10))
