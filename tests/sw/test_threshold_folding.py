"""Snapping: on every value a dot product can take, the bit stays what it was."""

import numpy as np
import pytest
import torch
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.nn import threshold_folding
from xnorforge.sw.nn.threshold_folding import Grid, grid_of

GRIDS = [(1, False), (9, False), (64, False), (784, False), (2304, False), (9, True), (27, True)]


def threshold_of(norm, grid: Grid):
    """Threshold in half steps and direction of a folded batch norm: what `write_constants` wrote."""
    halves = norm.running_mean.double().numpy() / grid.half
    assert (halves == np.round(halves)).all() and norm.eps == threshold_folding.EPS, (
        "the batch norm is folded"
    )
    return halves.astype(np.int64), norm.weight.detach().numpy().astype(np.int64)


def random_norm(kind, channels: int, grid: Grid, seed: int):
    """Batch norms of every sort: gamma of both signs and zero, thresholds inside, outside and on a grid
    value.
    """
    torch.manual_seed(seed)
    norm = kind(channels).eval()
    nn.init.uniform_(norm.weight, -1, 1)
    nn.init.uniform_(norm.bias, -1, 1)
    nn.init.uniform_(norm.running_mean, -1.2 * grid.reach, 1.2 * grid.reach)
    nn.init.uniform_(norm.running_var, 0.01, grid.reach**2)
    with torch.no_grad():
        norm.weight[:8] = 0
        norm.bias[8:32] = 0
        norm.running_mean[8:32] = torch.from_numpy(np.random.default_rng(seed).choice(grid.values(), 24))
    return norm


@pytest.mark.parametrize(("length", "pixels"), GRIDS)
@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_the_sign_is_unchanged_on_every_reachable_value(kind, length, pixels):
    grid = grid_of(length, pixels)
    norm = random_norm(kind, 128, grid, seed=length)
    values = torch.from_numpy(grid.values()).reshape(-1, 1, *([1, 1] if kind is nn.BatchNorm2d else []))
    values = values.expand(-1, 128, *values.shape[2:]).contiguous()
    with torch.no_grad():
        before = norm(values) >= 0
        threshold_folding.write_constants(norm, *threshold_folding.threshold(norm, grid), grid)
        after = norm(values)
    assert torch.equal(before, after >= 0)
    assert (after != 0).all(), "no value lies on a threshold, so no tie is left"
    assert torch.equal(after.abs() / grid.half, (after.abs() / grid.half).round()), (
        "and every difference is exact"
    )
    assert not torch.equal(before, torch.ones_like(before)), "the test saw both bits"


def norm_of(gamma, beta, mean, std):
    norm = nn.BatchNorm1d(1, eps=0).eval()
    with torch.no_grad():
        for tensor, value in zip(
            (norm.weight, norm.bias, norm.running_mean, norm.running_var), (gamma, beta, mean, std**2)
        ):
            tensor.fill_(value)
    return norm


@pytest.mark.parametrize(
    ("gamma", "beta", "mean", "halves", "direction"),
    [
        (1.0, 0.0, 1.5, 2, 1),  # d of -5, -3 .. 5: d >= 1.5 means d >= 3, between 1 and 3
        (-1.0, 0.0, 1.5, 2, -1),  # d <= 1.5 means d <= 1
        (1.0, 0.0, 3.0, 2, 1),  # d >= 3: a value on the threshold counts as +1
        (-1.0, 0.0, 3.0, 4, -1),  # d <= 3
        (2.0, 2.0, 0.0, -2, 1),  # 2 d / 2 + 2 >= 0 means d >= -2, so d >= -1: between -3 and -1
        (0.0, 1.0, 0.0, -6, 1),  # always +1: below -5
        (0.0, -1.0, 0.0, 6, 1),  # never: above 5
        (1.0, 0.0, -40.0, -6, 1),
        (-1.0, 0.0, -40.0, 6, 1),
    ],
)
def test_thresholds_by_hand(gamma, beta, mean, halves, direction):
    found = threshold_folding.threshold(norm_of(gamma, beta, mean, std=2.0), grid_of(5, False))
    assert (found[0].item(), found[1].item()) == (halves, direction)


def test_pixel_sums_lie_on_128ths():
    values = grid_of(9, True).values() * 128
    assert values[0] == -9 * 128 and len(values) == 2 * 9 * 128 + 1
    np.testing.assert_array_equal(values, np.arange(-9 * 128, 9 * 128 + 1))


def test_pixels_end_at_the_first_sign():
    grids = {
        net: [grid.step for _, _, grid in threshold_folding.thresholds_in(networks.build(net))]
        for net in networks.names()
    }
    assert grids["mnist-tfc"] == [2, 2, 2]
    assert grids["mnist-cnn"] == [1 / 128, 2, 2, 2]
    assert grids["cifar10-cnv"] == grids["cifar10-cnv_half"] == [1 / 128] + [2] * 7
    assert grids["segment-tinyseg"][0] == 1 / 128
    assert grids["cifar10-resnet20_half_8bit"] == grids["cifar10-wrn22"] == [], (
        "behind a shortcut nothing is a threshold of one sum"
    )


def test_what_moves_a_sum_makes_its_grid_finer_and_wider():
    assert grid_of(9, False, moved=4).values().tolist() == list(range(-13, 14))
