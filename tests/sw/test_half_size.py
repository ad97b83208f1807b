"""The first epochs on pictures averaged 2x2: which pictures, in which epochs, and for which networks."""

import numpy as np
import pytest
import torch

from xnorforge.sw import networks
from xnorforge.sw.methods import ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import BiReal, MapMean, Network
from xnorforge.sw.nn.eight_bit import EightConv, EightPooled, EightScores
from xnorforge.sw.tasks import digits as digits_task
from xnorforge.sw.training import half_size, train

from . import digits
from .given_networks import give_network
from .refusals import refused


@pytest.fixture(autouse=True)
def few(monkeypatch):
    training, held_out = digits.small()
    monkeypatch.setattr(digits_task.Task, "train_sets", lambda _self: (training.first(128), held_out))
    recipe = Recipe(epochs=4, batch=64, lr=5e-3, warmup=4, arithmetic="float32")
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


def residual() -> Network:
    """8x8 pixels and a mean at the end."""
    return Network(
        EightConv(1, 8, 3, pad=1),
        BiReal(8, 8, copied=True), BiReal(8, 16, 2, copied=True),
        EightPooled(4), EightScores(16, 10),
    )  # fmt: skip


def test_a_picture_becomes_the_mean_of_2x2_pixels_and_labels_stay():
    pictures = torch.tensor([[[[0, 2, 255, 255], [4, 6, 255, 254]]]], dtype=torch.uint8)
    images, labels = half_size.halved(lambda at, _: (pictures[at], at))(torch.tensor([0]), None)
    assert images.dtype == torch.uint8 and images.tolist() == [[[[3, 255]]]] and labels.tolist() == [0]


def test_the_mean_of_a_map_is_that_of_its_size_and_in_training_of_any():
    x = torch.randn(2, 3, 8, 8)
    mean, plain = MapMean(8), torch.nn.AvgPool2d(8)
    assert torch.equal(mean.train()(x), plain(x)) and torch.equal(mean.eval()(x), plain(x))
    np.testing.assert_allclose(
        mean.train()(x[..., :4, :4]).flatten(1), x[..., :4, :4].mean((2, 3)), atol=1e-6
    )


@pytest.mark.parametrize("method", ["ste", "bonn", "rbcn", "layer_priority", "group_net"])
def test_the_first_half_of_the_epochs_trains_on_small_pictures_also_when_resumed(
    monkeypatch, tmp_path, method
):
    """Evaluation is on whole pictures; a run killed at a small epoch ends with the same weights."""
    give_network(monkeypatch, "digits-cnn", residual)
    seen, sample = [], train._epoch

    def watched(run, step, sampler, count):
        seen.append(tuple(sampler(torch.arange(2), torch.Generator())[0].shape[1:]))
        if len(seen) == killed:
            raise KeyboardInterrupt
        return sample(run, step, sampler, count)

    monkeypatch.setattr(train, "_epoch", watched)
    killed = 0
    whole = train.train("digits-cnn", method, tmp_path / "whole", recipe="ours,half=0.5")
    assert seen == [(1, 4, 4)] * 2 + [(1, 8, 8)] * 2 and whole["recipe"]["half"] == 0.5
    seen.clear()
    killed = 2
    with pytest.raises(KeyboardInterrupt):
        train.train("digits-cnn", method, tmp_path / "parts", recipe="ours,half=0.5")
    killed = 0
    assert train.train("digits-cnn", method, tmp_path / "parts", recipe="ours,half=0.5") == whole
    assert seen == [(1, 4, 4)] * 3 + [(1, 8, 8)] * 2


@pytest.mark.parametrize("network", [None, digits.narrow])
def test_a_network_of_one_size_is_refused_before_the_first_step(monkeypatch, tmp_path, network):
    if network:
        give_network(monkeypatch, "digits-cnn", network)
    monkeypatch.setattr(train, "_epoch", None)
    refused(
        lambda: train.train("digits-cnn", "ste", tmp_path, recipe="ours,half=0.3"),
        "RECIPE: half=0.3",
        "digits-cnn",
        "4x4 pixels",
        "leave half out",
    )
    assert not list(tmp_path.iterdir())


def test_a_network_whose_scores_are_maps_is_refused(monkeypatch, tmp_path):
    give_network(monkeypatch, "digits-cnn", lambda: digits.narrow()[:3])
    refused(lambda: train.train("digits-cnn", "ste", tmp_path, recipe="ours,half=0.3"), "RECIPE: half=0.3")


def test_the_check_leaves_the_network_as_it_is():
    torch.manual_seed(0)
    run = digits.trained(ste.Method(), 0, digits.residual, epochs=1)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.recipe = Recipe(1, 64, 1e-3, half=0.5)
    run.task = digits_task.Task()
    generator = torch.get_rng_state()
    half_size.check_half_size(run)
    assert all(torch.equal(value, before[name]) for name, value in run.network.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state()) and binary.latents(run.network)
