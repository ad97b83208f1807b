"""Summands of losses in the curve, and that a loss of weight 0 leaves no trace."""

import csv

import pytest
import torch
from safetensors.torch import load_file

from xnorforge.core import plugins
from xnorforge.sw import networks
from xnorforge.sw.methods import base, layer_priority, ste
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.training import curves, full_precision, train, weights
from xnorforge.sw.training.summands import Summands, shares_of

from . import digits

NET = "mnist-tfc"


@pytest.fixture(autouse=True)
def few(monkeypatch, request):
    if "picture" not in request.node.name:  # most of the time of so short a training goes into its drawing
        monkeypatch.setattr(curves, "draw_run", lambda *_: None)
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
    """In the joint loss; a separate step of the latents has a strength of its own."""
    for at, kernel in enumerate((1e-7, 1e-5)):
        hyper = {"kernel": kernel, "feature": 0, "pull": 0}
        train.train(NET, "bonn", tmp_path / str(at), hyper=hyper, epochs=1)
    (low,), (high,) = (rows_of(tmp_path / str(at)) for at in range(2))
    shares = [key for key in low if key.startswith("share kernel ")]
    assert len(shares) == 4
    for key in shares:
        assert float(high[key]) == pytest.approx(100 * float(low[key]), rel=1e-2)
    assert float(low["loss"]) == pytest.approx(float(low["loss task"]) + float(low["loss kernel"]), abs=1e-4)


def test_phases_may_have_summands_of_their_own_and_the_picture_is_drawn(tmp_path):
    train.train(NET, "bonn", tmp_path, hyper={"anywhere": True}, epochs=10)
    rows = rows_of(tmp_path)
    assert [bool(row["loss feature"]) for row in rows] == [False] * 9 + [True]
    assert curves.read_curve(tmp_path / "curve.csv")[0]["loss feature"] != 0  # no number is no number
    assert (tmp_path / "curve.svg").stat().st_size > 1000


def test_a_term_below_a_thousandth_of_the_gradient_is_named_at_the_end(tmp_path, capsys):
    for lambda1, said in ((1e-12, True), (1e-2, False)):
        train.train(NET, "rbcn", tmp_path / str(lambda1), hyper={"lambda1": lambda1}, epochs=2)
        assert ("kernel is at most" in capsys.readouterr().err) == said


def test_a_loss_of_one_summand_leaves_the_curve_as_it_was(tmp_path):
    train.train(NET, "ste", tmp_path)
    assert not [key for key in rows_of(tmp_path)[0] if key.startswith(("loss ", "share "))]


# By method the settings with which its losses act, and their names; the others have none of their own.
LOSSES = {
    "bonn": ({"kernel": 1e-6, "anywhere": True}, {"kernel", "feature"}),
    "rbcn": ({}, {"kernel", "adversarial"}), "layer_priority": ({"rho": 1e-4}, {"discrepancy"}),
    "react": ({"guide": "GUIDE"}, {"distribution"}),
}  # fmt: skip


@pytest.fixture
def guide(tmp_path) -> str:
    """A full-precision model of the network."""
    full_precision.train_full_precision(NET, tmp_path / "guide", epochs=1)
    return str(tmp_path / "guide")


def with_guide(hyper, request) -> dict:
    """Hyper-parameters, the fixture `guide` where they name it."""
    return {k: request.getfixturevalue("guide") if v == "GUIDE" else v for k, v in hyper.items()}


@pytest.mark.parametrize("method", plugins.names("sw.methods"))
def test_every_loss_of_a_method_has_the_share_of_its_gradient_in_the_curve(method, request, tmp_path):
    """A column per loss and layer."""
    hyper, expected = LOSSES.get(method, ({}, set()))
    # With 10 epochs bonn comes into its last phase, where its feature loss is.
    epochs = 10 if "feature" in expected else 2
    train.train(NET, method, tmp_path / "run", hyper=with_guide(hyper, request), epochs=epochs)
    rows = rows_of(tmp_path / "run")
    keys = [key for key in rows[0] if key.startswith("share ")]
    shares = {tuple(key.split()[1:3]): [float(row[key]) for row in rows if row[key]] for key in keys}
    assert {name for name, _ in shares} == expected
    losses = {key.removeprefix("loss ") for key in rows[0] if key.startswith("loss ")} - {"task"}
    assert losses <= expected
    for name in expected:
        reached = {layer for one, layer in shares if one == name and max(shares[one, layer]) > 0}
        assert reached, name
        layers = {key.removeprefix("flipped ") for key in rows[0] if key.startswith("flipped ")}
        assert {layer for one, layer in shares if one == name} == layers, name


def numbers_of(folder) -> dict[str, torch.Tensor]:
    return torch.load(folder / "checkpoint.pt", weights_only=True)["network"]


def equal_numbers(found, expected) -> None:
    """All that the network of `expected` has, statistics of batch norms included, bit for bit."""
    assert {name for name in expected if not torch.equal(found[name], expected[name])} == set()


# The baseline in the phases of another method. Each class is written from the baseline alone.


class BiRealWeights(binary.Weights):
    """Signs of weights with the gradient of Bi-Real Net."""

    def values(self, x):
        return binary.TriangularSign.apply(x)


class BiRealBaseline(ste.Method):
    """RBCN's estimator, sign' = 2 - 2|x|, of activations and weights; the scores' layer is the baseline's."""

    def build(self, net):
        network = binary.prepare(
            networks.build(net), lambda _: BiRealWeights(), lambda _: binary.Sign(binary.TriangularSign)
        )
        (scores,) = [part for part in network.modules() if isinstance(part, building_blocks.Scores)]
        binary.set_quantiser(scores.dot, binary.Weights())
        return network


# The settings that switch off what a method adds, and the baseline with its phases (and RBCN's estimator).
BASELINES = {
    "bonn": ({"kernel": 0, "feature": 0}, ste.Method),
    "rbcn": ({"lambda1": 0, "adversarial": 0, "kept": 0, "guide": "GUIDE"}, BiRealBaseline),
    "ci_bcnn": ({"density": 0}, ste.Method),
}


@pytest.mark.parametrize("method", BASELINES)
def test_without_what_it_adds_a_method_gives_the_numbers_of_the_baseline_in_its_phases(
    method, request, tmp_path, monkeypatch
):
    """Every number of the network, statistics too, and of what is shipped; a guide's start is shared."""
    hyper, baseline = BASELINES[method]
    hyper = with_guide(hyper, request)
    init = hyper.get("guide")
    train.train(NET, method, tmp_path / "method", hyper=hyper, init=init)
    monkeypatch.setattr(plugins.load("sw.methods", "ste"), "Method", baseline)
    train.train(NET, "ste", tmp_path / "baseline", init=init)
    equal_numbers(numbers_of(tmp_path / "method"), numbers_of(tmp_path / "baseline"))
    found, expected = (load_file(tmp_path / name / weights.FILE) for name in ("method", "baseline"))
    equal_numbers(found, expected)
    # The graph of ci_bcnn and its stair are shipped where it has no edge, too, and so is C where it rests.
    more = [name for name in found.keys() - expected.keys() if not name.endswith(("stair", ".c", ".start"))]
    assert not any(found[name].any() for name in more)


@pytest.mark.parametrize("method, hyper, epochs, phase", [
    ("bonn", {"kernel": 0, "feature": 0}, 1, 0), ("ci_bcnn", {"density": 0}, 2, 0),
    ("layer_priority", {"rho": 0}, 5, "polish"),
])  # fmt: skip
def test_convolutions_in_bfloat16_step_as_those_of_the_baseline(method, hyper, epochs, phase):
    chosen = (base.create(method, hyper), phase), (ste.Method(), 0)
    started = [digits.started(one, "mnist-cnn", epochs, at, arithmetic="bfloat16") for one, at in chosen]
    runs = [digits.steps(run, 2) for run in started]
    equal_numbers(*(run.network.state_dict() for run in runs))


def test_layer_priority_at_once_and_without_rho_is_the_baseline_but_for_its_statistics(tmp_path, monkeypatch):
    """All layers binary from the first step, at full rate; behind the last it takes statistics again."""
    monkeypatch.setattr(layer_priority, "shared_out", lambda epochs, *_: (0, [], epochs))
    train.train(NET, "ste", tmp_path / "ste", epochs=1)
    train.train(NET, "layer_priority", tmp_path / "other", hyper={"rho": 0}, epochs=1)
    expected = {k: v for k, v in numbers_of(tmp_path / "ste").items() if not k.endswith(STATISTICS)}
    assert len(expected) > 8
    equal_numbers(numbers_of(tmp_path / "other"), expected)


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
