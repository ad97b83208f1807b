"""A training that leaves the numbers stops before the step, and one sentence says where and what to try."""

import sys

import pytest
import torch

from xnorforge import __main__ as cli
from xnorforge.core.errors import UserError
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.methods import bonn, ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import divergence, train

from .refusals import says

NET = "mnist-tfc"
TRY = "below 0.005", "--lr"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Four steps of 64 images an epoch."""
    images, labels = mnist_images.shipped()
    parts = Images(images[:256], labels[:256], "256"), Images(images[256:320], labels[256:320], "64")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda _self: parts)
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _self: [parts[1]])
    recipe = Recipe(epochs=2, batch=64, lr=5e-3, warmup=4, arithmetic="float32")
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


def failing(tmp_path, monkeypatch, method, spoil, at=6):
    """The sentence of a run of two epochs whose step `at`, from 1, meets `spoil(self, run, losses)`."""
    steps, real = [], method.losses

    def losses(self, run, scores, labels):
        steps.append(run)
        found = real(self, run, scores, labels)
        return spoil(self, run, found) if len(steps) == at else found

    monkeypatch.setattr(method, "losses", losses, raising=False)
    with pytest.raises(UserError) as error:
        train.train(NET, method.__module__.rpartition(".")[2], tmp_path)
    assert len(steps) == at, "the run stops at that step"
    return str(error.value), steps[-1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_before_a_weight_moves(tmp_path, monkeypatch, value):
    before = {}

    def spoil(_self, run, losses):
        before.update({name: tensor.clone() for name, tensor in run.network.named_parameters()})
        return losses | {"own": value * sum(weight.sum() for weight in run.network.parameters())}

    said, run = failing(tmp_path, monkeypatch, ste.Method, spoil)
    says(
        said, "mnist-tfc, ste: ", "epoch 2 of phase train, step 2 of 4", "the gradient of 1.dot.weight", *TRY
    )
    assert all(torch.equal(tensor, before[name]) for name, tensor in run.network.named_parameters())


def test_a_loss_without_gradient_is_seen_too(tmp_path, monkeypatch):
    said, _ = failing(
        tmp_path,
        monkeypatch,
        ste.Method,
        lambda _self, _run, losses: losses | {"own": torch.tensor(torch.nan)},
    )
    says(said, "epoch 2 of phase train, step 2 of 4", "the loss itself")


def test_a_step_between_epochs_is_answered_like_one_of_the_loop(tmp_path, monkeypatch):
    def on_epoch(_self, run):
        run.network[1].dot.weight.grad.fill_(torch.inf)
        run.optimiser.step()

    monkeypatch.setattr(ste.Method, "on_epoch", on_epoch)
    with pytest.raises(UserError) as error:
        train.train(NET, "ste", tmp_path)
    says(str(error.value), "epoch 1 of phase train, after its steps", "the gradient of 1.dot.weight")


def test_the_first_layer_with_a_broken_output_is_named_and_the_methods_own_weights(tmp_path, monkeypatch):
    def spoil(_self, run, _losses):
        run.network[2].norm.register_forward_hook(lambda _norm, _inputs, output: output * torch.nan)
        return {"task": run.task.loss(run.forward(IMAGES), LABELS)}

    said, _ = failing(tmp_path, monkeypatch, bonn.Method, spoil, at=1)
    weights = "kernel=0.0001, feature=0.001, nu=0.0001, pull=0.1 (--set)"
    says(
        said,
        "mnist-tfc, bonn: ",
        "epoch 1 of phase kernel, step 1 of 4",
        "the output of 2.norm",
        *TRY,
        weights,
    )


def test_a_spoiled_weight_is_named_before_any_output():
    method = ste.Method()
    run = train.Run(
        NET,
        task_of(NET),
        Recipe(1, 4, 1e-3, arithmetic="float32"),
        method,
        method.build(NET),
        torch.Generator(),
    )
    run.network[3].norm.running_var[5] = torch.nan
    assert divergence.first_fault(run, IMAGES) == "3.norm.running_var"


def test_a_run_that_diverged_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    with monkeypatch.context() as once:
        failing(
            tmp_path / "cut",
            once,
            ste.Method,
            lambda _self, _run, losses: losses | {"own": torch.tensor(torch.nan)},
        )
    cards = [train.train(NET, "ste", tmp_path / name) for name in ("cut", "whole")]
    assert cards[0] == cards[1]


def test_the_command_line_ends_with_2_and_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        ste.Method, "losses", lambda *_: {"task": torch.tensor(torch.nan, requires_grad=True)}, raising=False
    )
    monkeypatch.setattr(sys, "argv", ["xnorforge", "train", NET, "-o", str(tmp_path / "out")])
    assert cli.main() == 2
    said = capsys.readouterr().err
    assert says(said.splitlines()[-1], "epoch 1 of phase train").startswith("mnist-tfc, ste: ")
    assert "Traceback" not in said


IMAGES = torch.from_numpy(mnist_images.shipped()[0][:64].copy())
LABELS = torch.from_numpy(mnist_images.shipped()[1][:64].copy())
