"""The number format of a training: the faster one, chosen once, without a trace in the training itself."""

import copy

import pytest
import torch

from xnorforge.core import plugins
from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import arithmetic, train

from . import digits
from .refusals import refused

NET = "mnist-tfc"
FASTEST = arithmetic.fastest_format  # before conftest's fixture replaces it


@pytest.fixture(autouse=True)
def few(monkeypatch):
    sets = digits.in_place_of_mnist(monkeypatch, (0, 128), (128, 192), epochs=2)
    recipe = Recipe(epochs=2, batch=64, lr=5e-3, warmup=4)
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)
    return sets


def run_of(method: str = "ste", **recipe) -> train.Run:
    torch.manual_seed(0)
    chosen = base.create(method)
    taken = Recipe(4, 64, 5e-3, **recipe)
    return train.Run(NET, task_of(NET), taken, chosen, chosen.build(NET), torch.Generator().manual_seed(0))


class Clock:
    """Counts what each step costs by the format it multiplies in, instead of measuring."""

    def __init__(self, monkeypatch, **cost):
        self.now, self.steps, step = 0.0, [], base.Method.step

        def counted(method, run, *given):
            self.steps.append("bfloat16" if run.autocast()._enabled else "float32")
            self.now += cost[self.steps[-1]]
            return step(method, run, *given)

        monkeypatch.setattr(base.Method, "step", counted)
        monkeypatch.setattr(arithmetic.time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize(
    ("cost", "wanted"),
    [
        ({"float32": 0.3, "bfloat16": 0.2}, "bfloat16"),
        ({"float32": 0.2, "bfloat16": 0.3}, "float32"),
        ({"float32": 0.204, "bfloat16": 0.2}, "float32"),  # not worth its rounding
    ],
)
def test_the_faster_format_is_taken_after_two_seconds_of_steps(monkeypatch, cost, wanted):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    clock = Clock(monkeypatch, **cost)
    assert FASTEST(run_of()) == wanted
    assert clock.steps == ["float32", "bfloat16"] * (len(clock.steps) // 2)
    assert 2.0 <= clock.now < 2.0 + 2 * sum(cost.values())


def test_a_format_that_would_be_emulated_is_not_even_timed(monkeypatch):
    """A step takes ten times as long."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    monkeypatch.setattr(base.Method, "step", None)
    assert FASTEST(run_of()) == "float32"


@pytest.mark.parametrize("method", plugins.names("sw.methods"))
def test_timing_leaves_the_run_and_all_random_generators_as_they_are(monkeypatch, method):
    monkeypatch.setattr(arithmetic, "SECONDS", 0.0)
    run = run_of(method)
    before = copy.deepcopy((run.network.state_dict(), run.method.state()))
    generators = run.rng.get_state(), torch.get_rng_state()
    hooks = [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in run.network.modules()]
    taken = arithmetic.step_seconds(run, arithmetic.time.perf_counter)
    assert set(taken) == {"float32", "bfloat16"} and all(value > 0 for value in taken.values())
    assert all(torch.equal(value, run.network.state_dict()[name]) for name, value in before[0].items())
    assert str(run.method.state()) == str(before[1]) and run.optimiser is None
    assert all(map(torch.equal, generators, (run.rng.get_state(), torch.get_rng_state())))
    assert hooks == [
        len(part._forward_hooks) + len(part._forward_pre_hooks) for part in run.network.modules()
    ]


def test_a_resumed_run_keeps_its_format(monkeypatch, tmp_path):
    """Also where the other one is faster by now; the bytes are those of an uninterrupted run."""

    def killed(_self, run):
        if run.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(arithmetic, "fastest_format", lambda _: "bfloat16")
    card = train.train(NET, "ste", tmp_path / "whole")
    with monkeypatch.context() as once, pytest.raises(KeyboardInterrupt):
        once.setattr(base.Method, "on_epoch", killed)
        train.train(NET, "ste", tmp_path / "parts")
    monkeypatch.setattr(arithmetic, "fastest_format", lambda _: "float32")
    assert train.train(NET, "ste", tmp_path / "parts") == card
    assert card["arithmetic"] == "bfloat16" and "arithmetic=bfloat16" in card["command"]
    assert "multiplied in bfloat16" in (tmp_path / "parts/README.md").read_text()
    again = train.train(NET, "ste", tmp_path / "again", recipe="ours,arithmetic=bfloat16")
    other = train.train(NET, "ste", tmp_path / "other", recipe="ours,arithmetic=float32")
    assert again["weights"] == card["weights"] != other["weights"]


@pytest.mark.parametrize(
    ("bf16", "asked", "fits"),
    [(True, "ours", True), (False, "ours,arithmetic=float32", True), (False, "ours", False)],
)
def test_checkpoints_of_older_versions_resume(monkeypatch, tmp_path, bf16, asked, fits):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(arithmetic, "fastest_format", lambda _: "bfloat16")
    card = train.train(NET, "ste", tmp_path, recipe=asked)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    del saved["settings"]["arithmetic"]
    saved["settings"]["recipe"].pop("arithmetic", None)
    saved["settings"]["recipe"]["bf16"] = bf16
    torch.save(saved, tmp_path / "checkpoint.pt")
    if fits:
        assert train.train(NET, "ste", tmp_path, recipe=asked) == card
    else:
        refused(lambda: train.train(NET, "ste", tmp_path, recipe=asked), "checkpoint.pt: ", "float32")
