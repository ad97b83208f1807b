"""The loop: a killed run ends as if it had not been killed, and what it writes is what it says."""

import csv

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from xnorforge.__main__ import cli
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.methods import base, bonn, ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.training import train, weights

from ..refusals import refused
from .digits import in_place_of_mnist, started


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """512 images to train on, 128 held out, 200 to test; steps of 64."""
    in_place_of_mnist(monkeypatch, (0, 512), (512, 640), (800, 1000), epochs=4)


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "checkpoint.pt"}


class TwoPhases(base.Method):
    """Remembers something of its own, draws from both generators, and changes the rate half-way."""

    def __init__(self):
        self.seen = 0.0

    def phases(self, recipe):
        phases = {"first": recipe.lr, "second": recipe.lr / 2}
        return [base.Phase(name, recipe.epochs // 2, lr) for name, lr in phases.items()]

    def losses(self, run, scores, labels):
        self.seen = 0.5 * self.seen + torch.rand(()).item() + torch.rand((), generator=run.rng).item()
        pull = self.seen * 1e-3 * run.network[-1].dot.weight.square().sum()
        return super().losses(run, scores, labels) | {"pull": pull}

    def state(self):
        return {"seen": self.seen}

    def load_state(self, state):
        self.seen = state["seen"]


def test_a_run_killed_in_every_epoch_and_at_the_end_ends_with_the_same_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(ste, "Method", TwoPhases)
    train.train("mnist-tfc", "ste", tmp_path / "whole")

    def killed(*_):
        if not left:
            raise KeyboardInterrupt
        left.pop()

    for survived in (0, 1, 1, 1, 1):  # the last epoch's end is the end of the run
        left = [None] * survived
        with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
            once.setattr(TwoPhases, "on_epoch", killed, raising=False)
            once.setattr(weights, "save_weights", killed)
            train.train("mnist-tfc", "ste", tmp_path / "parts")
    train.train("mnist-tfc", "ste", tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_another_seed_is_another_run(tmp_path):
    cards = [train.train("mnist-tfc", "ste", tmp_path / str(seed), epochs=1, seed=seed) for seed in (0, 1)]
    assert cards[0]["weights"]["sha256"] != cards[1]["weights"]["sha256"]


def test_a_folder_with_another_run_is_refused_but_one_of_another_device_goes_on(tmp_path):
    """The number of processes is part of the result; of one process it does not stand on the card."""
    train.train("mnist-tfc", "ste", tmp_path, epochs=1)
    file = tmp_path / "checkpoint.pt"
    saved = torch.load(file, weights_only=True)
    for changed, said in (({"seed": 5}, ("seed 5", "but 0 ")), ({"ranks": 2}, ("ranks 2", "but 1 "))):
        torch.save(saved | {"settings": saved["settings"] | changed}, file)
        again = lambda: train.train("mnist-tfc", "ste", tmp_path, epochs=1)  # noqa: E731
        refused(again, f"{file}: ", *said, "another folder")
    torch.save(saved | {"settings": saved["settings"] | {"device": "cuda"}}, file)
    assert train.train("mnist-tfc", "ste", tmp_path, epochs=1)["device"] == "cuda, cpu"


def test_the_checkpoint_adds_up_the_time_that_was_trained(tmp_path, monkeypatch):
    def killed(_self, run):
        if run.epoch == 1:
            raise KeyboardInterrupt

    def kept():
        return torch.load(tmp_path / "checkpoint.pt", weights_only=True)

    with monkeypatch.context() as once:
        once.setattr(ste.Method, "on_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train.train("mnist-tfc", "ste", tmp_path, epochs=2)
    first = kept()
    train.train("mnist-tfc", "ste", tmp_path, epochs=2)
    for kind in ("seconds", "cpu_seconds"):
        assert kept()[kind] > first[kind] > 0, kind
    assert kept()["machine"].endswith(", threads: 1")


def test_training_learns_and_card_and_curve_say_what_is_so(tmp_path):
    card = train.train("mnist-tfc", "ste", tmp_path, epochs=8)
    (stated,) = card["accuracy"]
    stored, tensors = weights.read_weights(tmp_path)
    network = weights.unpack(networks.build("mnist-tfc"), tensors, "here")
    images, labels = mnist_images.shipped()
    with torch.no_grad():
        scores = network(torch.from_numpy(images[800:]).float()).as_subclass(torch.Tensor)
        right = (scores.argmax(1).numpy() == labels[800:]).sum()
    assert (stated["set"], stated["images"], stated["correct"]) == ("200", 200, right)
    assert stated["top1"] == 100 * right / 200 > 50
    assert stored["data"]["trained_on"] == "512" and stored["recipe"]["epochs"] == 8
    rows = list(csv.DictReader((tmp_path / "curve.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [*range(1, 9)]
    assert float(rows[0]["loss"]) > float(rows[2]["loss"])
    flipped = [float(value) for key, value in rows[2].items() if key.startswith("flipped ")]
    assert len(flipped) == 4 and all(0 < share < 0.6 for share in flipped)


def test_the_card_gives_the_command_that_makes_the_same_weights(tmp_path):
    given = ["train", "mnist-tfc", "--epochs", "1", "--seed", "4", "-o", str(tmp_path / "first")]
    assert CliRunner().invoke(cli, given, catch_exceptions=False).exit_code == 0
    words = weights.read_weights(tmp_path / "first")[0]["command"].split()
    assert words[:3] == ["python", "-m", "xnorforge"] and words[-2:] == ["-o", "out/mnist-tfc/train"]
    done = CliRunner().invoke(cli, [*words[3:-1], str(tmp_path / "second")], catch_exceptions=False)
    assert done.exit_code == 0
    assert contents(tmp_path / "second") == contents(tmp_path / "first")


def test_the_command_names_what_is_not_usual_and_the_folder_of_another_method():
    settings = {"net": "mnist-cnn", "method": "bonn", "seed": 2, "threads": 3}
    settings["recipe"] = {"epochs": 7, "lr": 1e-3}
    settings["hyper"] = {"kernel": 1e-6, "feature": bonn.FEATURE, "nu": bonn.NU}
    wanted = "python -m xnorforge train mnist-cnn --method bonn --set kernel=1e-06 --epochs 7 --seed 2"
    wanted += " --lr 0.001 --threads 3 -o out/mnist-cnn-bonn/train"
    assert train._command(settings) == wanted


def test_only_images_trained_on_are_varied(tmp_path, monkeypatch):
    varied = []
    monkeypatch.setattr(mnist.Task, "augment", lambda _self, x, _rng: varied.append(len(x)) or x)
    train.train("mnist-tfc", "ste", tmp_path, epochs=2)
    # 512 images in steps of 64, two epochs; neither the 128 held out nor the 200 to test.
    assert varied == [64] * 8 * 2


def test_a_group_of_the_optimiser_may_have_its_own_rate(tmp_path):
    class Grouped(base.Method):
        def optimiser(self, run):
            first, *others = run.network.parameters()
            return torch.optim.Adam([{"params": others}, {"params": [first], "rate": 0.0}], lr=run.phase.lr)

    run = started(Grouped(), epochs=1)
    run.out_dir = tmp_path
    before = [parameter.detach().clone() for parameter in run.network.parameters()]
    train._loop(run, {})
    moved = [not torch.equal(now, then) for now, then in zip(run.network.parameters(), before, strict=True)]
    assert not moved[0] and all(moved[1:])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, None])
def test_a_run_that_leaves_the_numbers_stops_and_goes_on_from_its_last_epoch(tmp_path, monkeypatch, value):
    """None: the loss stays a number, and what a method does after the epoch spoils a weight."""
    steps = []

    def losses(self, run, scores, labels):
        steps.append(run)
        found = base.Method.losses(self, run, scores, labels)
        return found | {"own": value * run.network[1].dot.weight.sum()} if len(steps) == 10 else found

    def on_epoch(_self, run):
        if run.epoch == 1:
            run.network[1].dot.weight.data[0] = torch.nan

    with monkeypatch.context() as once:
        name, spoil = ("losses", losses) if value else ("on_epoch", on_epoch)
        once.setattr(ste.Method, name, spoil, raising=False)
        what = "the loss is not finite in step 2 of 8" if value else "a weight is not finite after the steps"
        said = "mnist-tfc, ste: ", f"{what} of", "epoch 2 of phase train", "below 0.005 (--lr)"
        refused(lambda: train.train("mnist-tfc", "ste", tmp_path / "cut", epochs=2), *said)
    for name in ("cut", "whole"):
        train.train("mnist-tfc", "ste", tmp_path / name, epochs=2)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_resumed_run_keeps_its_number_format(tmp_path, monkeypatch):
    """Also where the device decides otherwise by now; the command on the card fixes it."""

    def killed(_self, run):
        if run.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(networks, "recipe", lambda _: Recipe(epochs=2, batch=64, lr=5e-3, warmup=4))
    with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
        once.setattr(train, "format_of", lambda _: "bfloat16")
        once.setattr(ste.Method, "on_epoch", killed)
        train.train("mnist-tfc", "ste", tmp_path / "parts")
    card = train.train("mnist-tfc", "ste", tmp_path / "parts")
    assert card["arithmetic"] == "bfloat16" and "ours,arithmetic=bfloat16" in card["command"]
    asked = train.train("mnist-tfc", "ste", tmp_path / "asked", recipe="ours,arithmetic=bfloat16")
    other = train.train("mnist-tfc", "ste", tmp_path / "other")
    assert asked["weights"] == card["weights"] != other["weights"] and other["arithmetic"] == "float32"


def test_a_gpu_multiplies_in_bfloat16():
    assert train.format_of(torch.device("cuda")) == "bfloat16"


@pytest.mark.parametrize("net", ["mnist-cnn", "mnist-tfc"])
def test_bfloat16_is_for_training_only(net):
    run = started(ste.Method(), net, arithmetic="bfloat16")
    x = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    assert run.forward(x).dtype == torch.float32
    scores = train.scores(run.network, x.numpy())
    np.testing.assert_array_equal(scores * 16, np.round(scores * 16))
    assert run.network.training, "evaluation leaves the mode as it was"
