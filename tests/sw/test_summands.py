"""Summands of losses in the curve, and that a loss of weight 0 leaves no trace."""

import csv

import pytest
import torch

from xnorforge.core import plugins
from xnorforge.sw.methods import base
from xnorforge.sw.training import curves, train
from xnorforge.sw.training.summands import Summands, shares_of

from . import digits

NET = "mnist-tfc"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    return digits.in_place_of_mnist(monkeypatch, (0, 256), (256, 320), epochs=2)


def test_a_share_is_the_size_of_a_gradient_over_that_of_the_tasks():
    """Gradients (3, 4) and (0, 1) in a: 1 / 5; none of the other in b."""
    a, b = (torch.zeros(2, requires_grad=True) for _ in range(2))
    task = (torch.tensor([3.0, 4.0]) * a).sum() + b.sum()
    shares = shares_of({"task": task, "pull": a[1] + 7}, {"a": a, "b": b})
    assert shares == {"share pull a": pytest.approx(0.2), "share pull b": 0.0}
    task.backward()
    assert a.grad.tolist() == [3, 4], "the backward pass of the step is still there"


def test_a_row_has_means_over_the_epoch_and_shares_of_its_first_step():
    w, kept = torch.ones(1, requires_grad=True), Summands()
    for factor in (1.0, 3.0):
        kept.add({"task": (2 * w).sum(), "more": (factor * w).sum()}, {"w": w})
    assert kept.row() == {"loss task": 2.0, "loss more": 2.0, "share more w": 0.5}
    alone = Summands()
    alone.add({"task": (2 * w).sum()}, {"w": w})
    assert alone.row() == {}


def rows_of(folder) -> list[dict]:
    return list(csv.DictReader((folder / "curve.csv").open()))


def test_the_curve_has_the_summands_and_a_share_in_proportion_to_the_weight(tmp_path):
    for at, kernel in enumerate((1e-7, 1e-5)):
        train.train(NET, "bonn", tmp_path / str(at), hyper={"kernel": kernel, "feature": 0}, epochs=1)
    (low,), (high,) = (rows_of(tmp_path / str(at)) for at in range(2))
    shares = [key for key in low if key.startswith("share kernel ")]
    assert len(shares) == 4
    for key in shares:
        assert float(high[key]) == pytest.approx(100 * float(low[key]), rel=1e-2)
    assert float(low["loss"]) == pytest.approx(float(low["loss task"]) + float(low["loss kernel"]), abs=1e-4)


def test_phases_may_have_summands_of_their_own_and_the_picture_is_drawn(tmp_path):
    train.train(NET, "bonn", tmp_path, epochs=10)
    rows = rows_of(tmp_path)
    assert [bool(row["loss feature"]) for row in rows] == [False] * 9 + [True]
    assert curves.read_curve(tmp_path / "curve.csv")[0]["loss feature"] != 0  # no number is no number
    assert (tmp_path / "curve.svg").stat().st_size > 1000


def test_a_loss_of_one_summand_leaves_the_curve_as_it_was(tmp_path):
    train.train(NET, "ste", tmp_path)
    assert not [key for key in rows_of(tmp_path)[0] if key.startswith(("loss ", "share "))]


def latents_of(folder) -> list[torch.Tensor]:
    numbers = torch.load(folder / "checkpoint.pt", weights_only=True)["network"]
    return [value for name, value in numbers.items() if name.endswith("dot.weight")]


ZERO = {"bonn": {"kernel": 0, "feature": 0}, "rbcn": {"lambda1": 0, "adversarial": 0},
        "layer_priority": {"rho": 0}}  # fmt: skip


@pytest.mark.parametrize("method", ZERO)
def test_with_the_weights_of_its_losses_at_0_a_method_trains_as_with_the_tasks_loss_alone(
    method, tmp_path, monkeypatch
):
    """Phases, estimators and steps are its own."""
    train.train(NET, method, tmp_path / "zero", hyper=ZERO[method])
    kind = plugins.load("sw.methods", method).Method
    monkeypatch.setattr(kind, "losses", base.Method.losses)
    train.train(NET, method, tmp_path / "task", hyper=ZERO[method])
    pairs = zip(latents_of(tmp_path / "zero"), latents_of(tmp_path / "task"), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_bonn_without_its_losses_is_the_baseline_bit_for_bit(tmp_path):
    train.train(NET, "ste", tmp_path / "ste")
    train.train(NET, "bonn", tmp_path / "bonn", hyper=ZERO["bonn"])
    pairs = zip(latents_of(tmp_path / "ste"), latents_of(tmp_path / "bonn"), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_layer_priority_at_once_and_without_rho_is_the_baseline_in_its_polish(tmp_path):
    """All layers binary from the first step, at full rate for all epochs but one."""
    hyper = {"rho": 0, "float_share": 0, "step_rate": 1, "polish_share": 0}
    train.train(NET, "ste", tmp_path / "ste", epochs=1)
    train.train(NET, "layer_priority", tmp_path / "other", hyper=hyper, epochs=1)
    pairs = zip(latents_of(tmp_path / "ste"), latents_of(tmp_path / "other"), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
