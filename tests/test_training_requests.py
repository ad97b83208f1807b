"""Training asked for wrongly: one sentence, exit code 2, and nothing is written; and how make names a
network.
"""

import re
import subprocess
import sys
from pathlib import Path

import pooch
import pytest

from xnorforge import __main__ as cli
from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.pipeline import request
from xnorforge.studies import compare
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images

ROOT = Path(__file__).parent.parent
NETS, METHODS = ", ".join(networks.names()), ", ".join(plugins.names("sw.methods"))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """64 images, one step."""
    images, labels = mnist_images.shipped()
    some = Images(images[:64], labels[:64], "64")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda _: (some, some))
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _: [some])
    recipe = Recipe(epochs=1, batch=64, lr=5e-3, bf16=False)
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command line in this process: (exit code, the last line of standard error)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["xnorforge", *map(str, words)])
        code = cli.main()
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return code, said.splitlines()[-1]

    return run


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["mnist-tfk"], f"NET: no 'mnist-tfk' among {NETS}. Did you mean 'mnist-tfc'?"),
        (["cnv"], f"NET: no 'cnv' among {NETS}. Did you mean 'cifar10-cnv'?"),
        (["typo"], f"NET: no 'typo' among {NETS}."),
        (["mnist-tfc", "--method", "bon"], f"METHOD: no 'bon' among {METHODS}. Did you mean 'bonn'?"),
        (
            ["mnist-tfc", "--method", "bonn", "--set", "kernal=1"],
            "bonn, hyper-parameter: no 'kernal' among anywhere, band, feature, kernel, nu, pull. "
            "Did you mean 'kernel'?",
        ),
        (
            ["mnist-tfc", "--method", "bonn", "--set", "kernel=much"],
            "bonn, hyper-parameter kernel: 'much' is not a number; give kernel=VALUE with one.",
        ),
        (
            ["mnist-tfc", "--method", "group_net", "--set", "bases=1.5"],
            "group_net, hyper-parameter bases: '1.5' is not a whole number; give bases=VALUE with one.",
        ),
        (
            ["mnist-tfc", "--set", "kernel"],
            "--set: 'kernel' is no NAME=VALUE; give a hyper-parameter of the method, as kernel=1e-7.",
        ),
    ],
    ids=[
        "net",
        "net-without-task",
        "net-far-off",
        "method",
        "hyper-parameter",
        "number",
        "whole-number",
        "no-value",
    ],
)
def test_a_wrong_name_or_value_is_one_sentence_and_leaves_no_folder(call, tmp_path, words, answer):
    code, said = call("train", *words, "-o", tmp_path / "out")
    assert code == 2 and said.startswith(answer)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["0", "-0.1", "fast"])
def test_a_learning_rate_is_a_positive_number(call, tmp_path, given):
    code, said = call("train", "mnist-tfc", f"--lr={given}", "-o", tmp_path / "out")
    assert code == 2 and "--lr" in said


def test_a_missing_data_set_is_named_with_the_place_to_put_it(call, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", offline)
    answer = (
        f"cifar-10-python.tar.gz: not in XNORFORGE_DATA ({tmp_path}) and not downloaded (OSError); "
        "set XNORFORGE_DATA to a folder that holds it."
    )
    assert call("train", "cifar10-cnv", "-o", tmp_path / "out") == (2, answer)
    assert call("compare", "cifar10-cnv", "--methods", "ste", "-o", tmp_path / "out") == (2, answer)


@pytest.mark.parametrize(
    ("others", "key", "there", "asked"),
    [
        (["mnist-cnn"], "net", "mnist-tfc", "mnist-cnn"),
        (["mnist-tfc", "--method", "bonn"], "method", "ste", "bonn"),
        (["mnist-tfc", "--seed", "1"], "seed", "0", "1"),
    ],
    ids=["network", "method", "seed"],
)
def test_a_checkpoint_of_another_run_is_refused(call, tmp_path, others, key, there, asked):
    assert call("train", "mnist-tfc", "-o", tmp_path)[0] == 0
    answer = (
        f"{tmp_path}/checkpoint.pt: holds a run with {key} {there}, asked is {asked}; "
        "continue with the same settings or choose another folder."
    )
    assert call("train", *others, "-o", tmp_path) == (2, answer)


def test_weights_of_another_network_are_not_exported(call, tmp_path):
    assert call("train", "mnist-tfc", "-o", tmp_path)[0] == 0
    assert call("export", "mnist-cnn", "--weights", tmp_path, "-o", tmp_path / "out") == (
        2, f"{tmp_path}: holds mnist-tfc-ste, asked is mnist-cnn-ste; choose the other or train again."
    )  # fmt: skip


def test_a_damaged_checkpoint_says_how_to_start_again(call, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 cut off")
    code, said = call("train", "mnist-tfc", "-o", tmp_path)
    assert code == 2
    assert said.startswith(f"{tmp_path}/checkpoint.pt: cannot be read (")
    assert said.endswith("); remove it to train from the start.")


def make(*words, target="train"):
    show = f"RUN={sys.executable} -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))'"
    return subprocess.run(
        ["make", target, show, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["TASK=cifar10", "NET=cnv"], "train cnv --task cifar10 --method ste"),
        (["NET=cifar10-cnv"], "train cifar10-cnv --task '' --method ste"),
        (["TASK=cifar10"], "train '' --task cifar10 --method ste"),
        ([], "train '' --task '' --method ste"),
        (["TASK=mnist", "NET=tfc", "METHOD=bonn", "SET=nu=1 kernel=0"],
        "train tfc --task mnist --method bonn --set nu=1 --set kernel=0"),
    ],
)  # fmt: skip
def test_make_hands_over_task_and_net(words, command):
    assert command in make(*words).stdout


@pytest.mark.parametrize(
    ("task", "net", "name"),
    [
        ("cifar10", "cnv", "cifar10-cnv"),
        ("cifar10", "cifar10-cnv", "cifar10-cnv"),
        ("", "cifar10-cnv", "cifar10-cnv"),
        ("cifar10", "", "cifar10-cnv"),
        ("mnist", "", "mnist-cnn"),
        ("track", "", "track-tinytrk"),
        ("detect", "", "detect-tinydet"),
        ("", "", "mnist-cnn"),
    ],
)
def test_task_and_net_are_put_together(task, net, name):
    assert request.network_name(net, task) == name


def test_the_comparisons_in_full_ask_for_what_there_is():
    text = make(target="compare-gpu").stdout.replace("\\\n", " ")
    commands = re.findall(r"compare (\S+) --epochs (\d+) [^\n]*?(?:--methods '(.*?)')?\n", text)
    assert [net for net, _, _ in commands] == ["cifar10-cnv_half", "cifar10-cnv", "cifar10-wrn22"]
    for net, epochs, methods in commands:
        asked = compare.compare_request(net, methods, epochs=int(epochs))
        assert len(asked.variants) == (5 if methods else len(plugins.names("sw.methods")))


def test_a_network_of_another_task_is_refused():
    both = r"or both as TASK=cifar10 NET=cifar10-cnv\.$"
    answer = rf"^TASK: 'mnist' is not the task of NET=cifar10-cnv; give one of the two, {both}"
    with pytest.raises(UserError, match=answer):
        request.network_name("cifar10-cnv", "mnist")
