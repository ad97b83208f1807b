"""Two processes train as one: gradients of the whole batch, one network, one process that writes. Training
steps from a CUDA graph, with a stand-in for CUDA that records a step and computes it at each replay."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.sw.methods import base
from xnorforge.sw.methods.base import create
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import captured, distributed, recipes, train, weights
from xnorforge.sw.training.summands import Summands

from ..refusals import contains


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """One start of torchrun for most tests: its folder, what both processes saw, and what they said.

    rbcn steps three optimisers, each after a backward pass of its own."""
    return started(tmp_path_factory.mktemp("ranks"), "ste", "rbcn")


def started(out: Path, *methods: str) -> tuple[Path, list[dict], str]:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            Path(__file__).with_name("parallel_job.py"), out, *methods,
        ],
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 0, said
    return out, [json.loads((out / f"seen{rank}.json").read_text()) for rank in (0, 1)], said


def files_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "checkpoint.pt"}


def test_averaged_gradients_are_those_of_the_whole_batch(job):
    """Equal but for the order of float32 sums, with no batch norm: 32 + 32 images against 64."""
    _, ranks, _ = job
    for seen in ranks:
        assert seen["slice"] == 32
        whole, shared = (np.array(seen["gradients"][name]) for name in ("whole", "shared"))
        np.testing.assert_allclose(shared, whole, rtol=1e-4, atol=1e-7 * np.abs(whole).max() * 64)
    assert ranks[0]["gradients"]["shared"] == ranks[1]["gradients"]["shared"], "bit for bit the same in both"


def test_a_training_ends_with_one_network_written_once(job):
    """That both hold the same parameters, statistics and random generators is checked after every epoch."""
    out, _, said = job
    for method in ("ste", "rbcn"):
        card = json.loads((out / method / "card.json").read_text())
        assert card["ranks"] == 2
        start = "torchrun --nproc-per-node 2 -m xnorforge train mnist-tfc --method"
        assert card["command"].startswith(f"{start} {method}")
        tensors = weights.read_weights(out / method)[1]
        weights.unpack(base.create(method, card["hyper"]).skeleton("mnist-tfc"), tensors, "here")
    assert said.count("mnist-tfc guide epoch 1/3") == 1, "one process speaks"


@pytest.mark.full
def test_every_method_ends_with_one_network(tmp_path):
    others = [method for method in plugins.names("sw.methods") if method not in ("ste", "rbcn")]
    started(tmp_path, *others)
    assert all((tmp_path / method / weights.FILE).is_file() for method in others)


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(job):
    out, _, _ = job
    assert files_of(out / "killed") == files_of(out / "ste")


def test_a_method_that_moves_weights_by_its_own_images_is_refused(job):
    _, ranks, _ = job
    for seen in ranks:
        contains(seen["skewed"], "torchrun: 2.dot.weight ", "__main__", "one process")


def test_a_batch_that_cannot_be_shared_evenly_is_refused(job):
    _, ranks, _ = job
    contains(ranks[0]["batch"], "torchrun: 2 processes", "33 images", "[1, 3, 11, 33]")


def test_frames_that_belong_together_are_not_torn_apart(monkeypatch):
    monkeypatch.setattr(distributed, "ranks", lambda: 10)
    with pytest.raises(UserError) as error, distributed.group(20, 5):
        pass
    contains(str(error.value), "torchrun: 10 processes", "20 images", "groups of 5", "[1, 2, 4]")


def test_without_torchrun_nothing_is_shared():
    assert distributed.ranks() == 1 and distributed.is_first()
    assert distributed.local_slice("images", "labels") == ("images", "labels")
    with distributed.group(7):
        pass


NET, STEPS = "cifar10-resnet20_half", 7


class Replayed(captured.Steps):
    """Steps whose graph computes `update` on the batch that it was recorded with."""

    replays = 0

    @property
    def possible(self) -> bool:
        return not self.refused

    def _capture(self, images, labels):
        run = self.run
        state = [value for one in run.optimiser.state.values() for value in one.values()]
        tensors = [*run.network.state_dict(keep_vars=True).values(), *state]
        before = [tensor.detach().clone() for tensor in tensors]
        try:
            graph = super()._capture(images, labels)
        finally:
            for tensor, old in zip(tensors, before):  # a GPU computes nothing while it records
                tensor.data.copy_(old)
        self.loss = self.loss.clone()

        def replay():
            kept, run.summands = run.summands, Summands(begun=True)
            self.loss.copy_(run.method.update(run, *self.batch))
            for name, value in run.summands.totals.items():
                self.own.totals[name].copy_(value)
            run.summands = kept
            self.replays += 1

        graph.replay = replay
        return graph


@pytest.fixture
def recorder(monkeypatch):
    """Stand for CUDA's recorder of graphs; returns what it raises at the end of a recording."""
    faults: list[Exception] = []

    @contextmanager
    def recording(_graph, stream):
        yield
        if faults:
            raise faults[0]

    monkeypatch.setattr(torch.cuda, "CUDAGraph", type("Graph", (), {}))
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: None)
    return faults


def steps_of(method: str, given):
    """The losses, the curve's columns and the network after some steps with a rate that changes."""
    torch.manual_seed(0)
    chosen, task = create(method), task_of(NET)
    recipe = recipes.recipe_of(NET, chosen, "ours,arithmetic=float32")
    rng = torch.Generator().manual_seed(1)
    run = train.Run(NET, task, recipe, chosen, chosen.build(NET), rng, device=torch.device("cpu"))
    run.phase = chosen.phases(recipe)[0]
    chosen.begin(run)
    run.optimiser = chosen.optimiser(run)
    step = given(run)
    losses = []
    for at in range(STEPS):
        images = torch.randint(0, 256, (4, *task.shape), generator=rng, dtype=torch.uint8)
        labels = torch.randint(0, 10, (4,), generator=rng)
        for group in run.optimiser.param_groups:
            captured.set_rate(group, 2.0**-10 * (at + 1) * group.get("rate", 1))
        losses.append(step(images, labels))
        for group in run.optimiser.param_groups:
            group["capturable"] = False  # which Adam refuses on a CPU
    return losses, run.summands.row(), run.network.state_dict(), step


@pytest.mark.parametrize("method", ["ste", "react", "group_net", "layer_priority"])
def test_replayed_steps_are_those_of_the_method(method, recorder):
    losses, row, network, _ = steps_of(method, lambda run: partial(run.method.step, run))
    same, columns, replayed, steps = steps_of(method, Replayed)
    assert steps.replays == STEPS - captured.EAGER and same == losses and columns == row
    assert all(tensor.equal(replayed[name]) for name, tensor in network.items())


def test_a_step_that_cannot_be_captured_is_made_as_before(recorder):
    recorder.append(RuntimeError("CUDA error: operation not permitted when stream is capturing"))
    losses, *_ = steps_of("ste", lambda run: partial(run.method.step, run))
    same, *_, steps = steps_of("ste", Replayed)
    assert steps.refused and not steps.replays and same == losses


def test_no_graph_without_a_gpu_or_by_a_method_of_another_kind(recorder):
    *_, steps = steps_of("ste", captured.Steps)
    assert not steps.possible and steps.graph is None
    assert not create("ci_bcnn").CAPTURES and not create("rbcn").CAPTURES
