"""Training of a module that is an object of this process, on images that are arrays."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.core.networks import MEMORY
from xnorforge.sw import modules
from xnorforge.sw.tasks.base import Images, Task
from xnorforge.sw.training import train as training
from xnorforge.sw.training import weights

HELD_OUT = 10  # one image in 10


class ArrayTask(Task):
    """uint8 images in memory with one class each (else UserError); a tenth is held out."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        if images.dtype != np.uint8 or images.ndim < 2 or labels.shape != (len(images),) or len(images) < 2:
            raise UserError(
                f"train: images are {images.dtype} {images.shape} and labels {labels.shape}; give at least "
                "two images as uint8 (N, ...), pixels of 0 to 255, and one class (N,) for each."
            )
        self.shape = images.shape[1:]
        apart = np.arange(len(images)) % HELD_OUT == HELD_OUT - 1
        apart[-1] = True
        parts = [(images[at], labels[at].astype(np.int64)) for at in (~apart, apart)]
        self.training: Images = Images(*parts[0], f"{len(parts[0][1]):,} given images")
        self.held_out: Images = Images(*parts[1], f"{len(parts[1][1]):,} other given images, held out")

    def train_sets(self) -> tuple[Images, Images]:
        return self.training, self.held_out

    def test_sets(self) -> list[Images]:
        return [self.held_out]

    def golden(self, count: int | None = None) -> Images:
        return self.held_out.first(min(count or 0, len(self.held_out.images)))


def named_network(module: nn.Module, name: str, task: Task, scale: float) -> str:
    """Give a module a name as a network, which all trainings take, and return it."""
    net, given = f"{MEMORY}-{name}", modules.Given(module, scale)
    modules.MEMORY[net] = lambda: copy.deepcopy(given), task
    return net


def train(net: str, method: str, folder: Path, **options: Any) -> nn.Module:
    """Train a copy of the module that has this name, or resume; return it without the scaling of pixels, in
    evaluation mode.

    Args:
        options: further ones of `sw/training/train.py`.
    """
    training.train(net, method, folder, **options)
    card, tensors = weights.read_weights(folder)
    skeleton = training.create(method, card["hyper"]).skeleton(net)
    return weights.unpack(skeleton, tensors, f"{folder}/{weights.FILE}").get_submodule("module")
