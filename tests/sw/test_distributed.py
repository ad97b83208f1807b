"""Two processes train as one: gradients of the whole batch, one network, one process that writes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.sw.methods import base
from xnorforge.sw.training import distributed, weights

from ..refusals import contains


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """One start of torchrun for most tests: its folder, what both processes saw, and what they said.

    rbcn steps three optimisers, each after a backward pass of its own.
    """
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
