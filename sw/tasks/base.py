"""What a task is: images, a loss, a metric, and the networks that fit.

A task is one file `sw/tasks/<name>.py` whose class is bound to the module name `Task`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from xnorforge import plugins
from xnorforge.errors import unknown


@dataclass(frozen=True)
class Images:
    """Pictures with labels, and the words that say which they are.

    Attributes:
        images: uint8, (N, C, H, W), raw 0..255.
        labels: int64, (N,); -1 where unknown.
        what: for cards and reports, e.g. "10,000 test images of MNIST".
    """

    images: np.ndarray
    labels: np.ndarray
    what: str


@dataclass(frozen=True)
class Recipe:
    """How long and how fast a network trains; the learning rate follows half a cosine, after a linear start.

    Attributes:
        epochs: passes over the training images.
        batch: images per step.
        lr: largest learning rate.
        warmup: steps of the linear start.
        bf16: multiply in bfloat16 (training only; every figure is evaluated in float32).
    """

    epochs: int
    batch: int
    lr: float
    warmup: int = 200
    bf16: bool = True


class Task:
    """Classification; a subclass states the data."""

    shape: tuple[int, int, int]
    nets: ClassVar[dict[str, Recipe]]
    recipe_words = ""

    def train_sets(self) -> tuple[Images, Images]:
        """Images to train on, and images held out from training to watch it."""
        raise NotImplementedError

    def test_sets(self) -> list[Images]:
        """The sets on which accuracy is stated, each on its own; no choice is ever made by them."""
        raise NotImplementedError

    def golden(self, count: int | None = None) -> Images:
        """The images that go with an export: the first `count`, or all of them."""
        raise NotImplementedError

    def augment(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Varied copies of training images, uint8 (N, C, H, W)."""
        return images

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """What training makes small: the cross entropy."""
        return F.cross_entropy(scores, labels)

    def correct(self, scores: np.ndarray, labels: np.ndarray) -> int:
        """Images whose largest score (the first of equal ones) is that of their label."""
        return int((np.argmax(scores, 1) == labels).sum())


def shifted(images: torch.Tensor, reach: int, mirrored: bool, fill: int, rng: torch.Generator) -> torch.Tensor:
    """Each image moved by up to `reach` pixels each way, borders `fill`; half of them mirrored if asked."""
    count, channels, height, width = images.shape
    padded = F.pad(images, (reach,) * 4, value=fill)
    dy, dx = (torch.randint(0, 2 * reach + 1, (count, 1), generator=rng) for _ in range(2))
    rows, columns = torch.arange(height) + dy, torch.arange(width).expand(count, width)
    if mirrored:
        columns = torch.where(torch.rand(count, 1, generator=rng) < 0.5, width - 1 - columns, columns)
    at = ((rows * padded.shape[3])[:, :, None] + (columns + dx)[:, None, :]).reshape(count, 1, -1)
    at = at.to(images.device)
    return padded.flatten(2).gather(2, at.expand(-1, channels, -1)).reshape(images.shape)


def task_of(net: str) -> Task:
    """The task a network is for.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    tasks = [plugins.load("sw.tasks", name).Task() for name in plugins.names("sw.tasks")]
    for task in tasks:
        if net in task.nets:
            return task
    raise unknown("NET", net, [name for task in tasks for name in task.nets])
