"""A trained network on its task's test sets, in Brevitas and in the bit simulator of its accelerator."""

from pathlib import Path

import numpy as np
from torch import nn

from xnorforge.core.accuracy import row_text
from xnorforge.core.types import Record
from xnorforge.sim.machine import Machine
from xnorforge.sw.datasets.base import Absent
from xnorforge.sw.tasks.base import Images, Task
from xnorforge.sw.training import train


def evaluate_build(module: nn.Module, acc: Path, task: Task) -> list[Record]:
    """Return a row as on a card per test set, by the bit simulator, with `differ`: the number of images, or
    frames, that the module answers otherwise.
    """
    machine = Machine.of(acc, task)
    return [_evaluated(module, machine, task, images) for images in test_sets(task)]


def test_sets(task: Task) -> list[Images]:
    """Return the task's test sets; where they are not found, the golden images if those have labels."""
    try:
        return task.test_sets()
    except Absent:
        golden = task.golden()
        if task.classifies and (golden.labels < 0).all():
            raise
        return [golden]


def _evaluated(module: nn.Module, machine: Machine, task: Task, images: Images) -> Record:
    differ = 0

    def run(frames, exemplar=None):
        nonlocal differ
        if exemplar is not None:
            task.learn(module, exemplar)
        found, wanted = machine(frames, exemplar), train.scores(module, frames, 100)
        found = found.reshape(wanted.shape)
        other = _answers(found, task) != _answers(wanted, task)
        differ += int(other.reshape(len(frames), -1).any(1).sum())
        return found

    return {"set": images.what, **task.judged(run, images), "differ": differ}


def _answers(scores: np.ndarray, task: Task) -> np.ndarray:
    """What is compared: the class of each image; of maps, every score."""
    return scores.argmax(1) if task.classifies else scores.astype(np.float32)


def rows_as_text(rows: list[Record]) -> str:
    """The rows as in the README.md of weights."""
    return "\n".join(f"| {row['set']} | {row_text(row)} |" for row in rows)
