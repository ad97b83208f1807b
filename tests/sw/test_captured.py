"""Training steps from a CUDA graph, with a stand-in for CUDA that records a step and computes it at each
replay: what a graph reads must be where it was when it was recorded.
"""

from contextlib import contextmanager
from functools import partial

import pytest
import torch

from xnorforge.sw.methods.base import create
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import captured, recipes, train
from xnorforge.sw.training.summands import Summands

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
