"""A wrong request for a training: one sentence, exit code 2, and nothing is written."""

import json

import pooch
import pytest

from xnorforge.cli import training
from xnorforge.core.errors import UserError
from xnorforge.core.progress import say
from xnorforge.pipeline import request
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images
from xnorforge.sw.training import runs


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """64 images, one step."""
    images, labels = mnist_images.shipped()
    some = Images(images[:64], labels[:64], "64")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda _: (some, some))
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _: [some])
    recipe = Recipe(epochs=1, batch=64, lr=5e-3, arithmetic="float32")
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


@pytest.fixture
def call(call, monkeypatch):
    """Run a command line in this process: (exit code, the last line of standard error)."""
    monkeypatch.setenv("XNORFORGE_LOG", "plain")

    def run(*words):
        code, said = call(*words)
        assert not any("Traceback" in line for line in said)
        return code, said[-1]

    return run


@pytest.mark.parametrize("words, place, given, cure", [
    (["mnist-tfc", "--method", "bonn", "--set", "kernal=1"], "bonn", "kernal", "kernel"),
    (["mnist-tfc", "--method", "bonn", "--set", "kernel=much"], "bonn", "much", "kernel="),
    (["mnist-tfc", "--method", "group_net", "--set", "bases=1.5"], "group_net", "1.5", "bases="),
], ids=lambda value: "-".join(value) if isinstance(value, list) else value)  # fmt: skip
def test_a_wrong_name_or_value_is_told_and_leaves_no_folder(call, tmp_path, words, place, given, cure):
    code, said = call("train", *words, "-o", tmp_path / "out")
    assert code == 2 and said.startswith(place) and f"'{given}'" in said and cure in said
    assert not (tmp_path / "out").exists()


def test_a_missing_data_set_is_named_with_the_place_to_put_it(call, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", offline)
    for words in (["train", "cifar10-cnv"], ["compare", "cifar10-cnv", "--methods", "ste"]):
        code, said = call(*words, "-o", tmp_path / "out")
        assert code == 2 and said.startswith("cifar-10-python.tar.gz: ")
        assert "XNORFORGE_DATA" in said and str(tmp_path) in said


def test_train_and_compare_end_with_the_figures_of_their_objects(call, tmp_path, monkeypatch):
    lines, printed = [], []
    monkeypatch.setattr(training, "say", lambda text: (lines.append(text), say(text)))
    monkeypatch.setattr("click.echo", lambda text, **_: printed.append(text))
    assert call("train", "mnist-tfc", "--json", "-o", tmp_path / "run")[0] == 0
    card = json.loads(printed.pop())["card"]
    assert f" 1 epochs, held out: {card['held_out_accuracy']:.2%} of " in lines[0]
    [row] = card["accuracy"]
    assert f" {row['correct']} of {row['images']} right, {row['top1']:.2f} %: {row['set']}" in lines[1]
    words = "compare", "mnist-tfc", "--methods", "ste", "--seeds", "0", "-o", tmp_path
    assert (call(*words, "--json")[0], call(*words)[0]) == (0, 0)
    table, [run] = printed.pop(), json.loads(printed.pop())["runs"]
    assert all(f" {row['top1']:.2f}" in table for row in run["sets"])


@pytest.mark.parametrize("others, key, there, asked", [
    (["mnist-cnn"], "net", "mnist-tfc", "mnist-cnn"),
    (["mnist-tfc", "--method", "bonn"], "method", "ste", "bonn"),
    (["mnist-tfc", "--seed", "1"], "seed", "0", "1"),
], ids=["network", "method", "seed"])  # fmt: skip
def test_a_checkpoint_of_another_run_is_refused(call, tmp_path, others, key, there, asked):
    assert call("train", "mnist-tfc", "-o", tmp_path)[0] == 0
    code, said = call("train", *others, "-o", tmp_path)
    assert code == 2 and said.startswith(f"{tmp_path}/checkpoint.pt: ")
    assert all(word in said for word in (key, there, asked))


def test_weights_of_another_network_are_not_exported(call, tmp_path, monkeypatch, stages_here):
    """Weights that learned made-up pictures are used only where a command names them, which a line says."""
    monkeypatch.setattr(runs, "own", lambda _: None)
    code, said = call("train", "mnist-tfc", "-o", tmp_path)
    assert code == 0 and f"only `make build NET=mnist-tfc METHOD=ste WEIGHTS={tmp_path}`" in said
    code, said = call("export", "mnist-cnn", "--weights", tmp_path, "-o", tmp_path / "out")
    assert code == 2 and said.startswith(f"{tmp_path}: ")
    assert "mnist-tfc-ste" in said and "mnist-cnn-ste" in said


def test_a_damaged_checkpoint_says_how_to_start_again(call, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
    code, said = call("train", "mnist-tfc", "-o", tmp_path)
    assert code == 2
    assert said.startswith(f"{tmp_path}/checkpoint.pt: ") and "remove" in said


@pytest.mark.parametrize("task, net, name", [
    ("cifar10", "cnv", "cifar10-cnv"), ("cifar10", "cifar10-cnv", "cifar10-cnv"),
    ("", "cifar10-cnv", "cifar10-cnv"), ("cifar10", "", "cifar10-cnv"), ("mnist", "", "mnist-cnn"),
    ("track", "", "track-tinytrk"), ("", "", "mnist-cnn"),
])  # fmt: skip
def test_task_and_net_are_put_together(task, net, name):
    assert request.network_name(net, task) == name


def test_a_network_of_another_task_is_refused():
    with pytest.raises(UserError, match=r"^TASK: 'mnist'.*cifar10-cnv.*TASK=cifar10"):
        request.network_name("cifar10-cnv", "mnist")
