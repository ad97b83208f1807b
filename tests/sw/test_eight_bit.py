"""8-bit ends: the grids by hand, and what is deployed computes what was trained."""

import numpy as np
import pytest
import torch

from xnorforge.sw.methods import base, group_net, react
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.training import train, weights

from .eight_bit_nets import drawn


@pytest.mark.parametrize("method", [base.Method(), react.Method(), group_net.Method()], ids=str)
def test_what_is_deployed_and_written_is_what_was_trained_bit_for_bit(method):
    network = drawn(method)
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 8, 8), np.uint8)
    expected = train.scores(network, images)
    assert len(np.unique(expected)) > 500
    found = building_blocks.as_trained(network)
    other = building_blocks.as_trained(drawn(method, seed=1))
    again = weights.unpack(other, weights.packed_weights(found), "here")
    for one in (found, again):
        np.testing.assert_array_equal(train.scores(one, images), expected)


def test_the_stem_has_weights_of_32nds_and_a_bias_of_4096ths_that_learn():
    """0.3 = 9.6 / 32, 5 is more than 127 / 32, and 0.1 = 409.6 / 4096; two pixels outside are 0."""
    stem = binary.prepare(binary.stem(1))
    with torch.no_grad():
        stem.weight.zero_()
        stem.weight[0, 0, 1, 1:], stem.bias[0] = torch.tensor([0.3, 5.0]), 0.1
    scores = stem(torch.full((1, 3, 1, 2), 0.5))
    assert (scores.flatten() * 4096).tolist() == [64 * (10 + 127) + 410, 64 * 10 + 410]
    scores.sum().backward()
    assert stem.bias.grad == 2 and stem.weight.grad[0, 0, 1, 1:].tolist() == [1, 0]
    stem.store_deployed()
    assert stem.bias.item() * 4096 == 410


def test_activations_are_256_levels_between_minus_and_plus_the_limit():
    x = torch.tensor([-9.0, -8.0, 0.03, 0.04, 7.99, 20.0], requires_grad=True)
    act = binary.eight_act(8.0)
    assert act(x).tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found = binary.prepare(act)(x)
    assert found.tolist() == [-8, -8, 0, 0.0625, 7.9375, 7.9375]
    found.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0] or x.grad.tolist() == [0, 0, 1, 1, 1, 0]
