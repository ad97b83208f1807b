"""Speed of training on this machine: images per processor second in each number format, one thread."""

import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.tasks.base import Images, Task, task_of
from xnorforge.sw.training import arithmetic, train


def training_speed(net: str, method: str) -> dict[str, float]:
    """Return the images per processor second by format, of the fastest step of a fresh network by its
    recipe.
    """
    task, chosen, recipe = task_of(net), base.create(method), networks.recipe(net)
    with threadpool_limits(1), torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        run = train.Run(net, task, recipe, chosen, chosen.build(net), torch.Generator())
        run.sets = _any_images(task)
        taken = arithmetic.step_seconds(run, time.process_time)
    return {name: recipe.batch / seconds for name, seconds in taken.items()}


def _any_images(task: Task) -> tuple[Images, Images]:
    """Sets to train on; a step takes as long with test images, which are there without a download."""
    if not task.classifies:
        return task.train_sets()
    found = task.golden()
    images = Images(found.images, np.maximum(found.labels, 0), found.what)
    return images, images


def training_table(net: str, method: str, speed: dict[str, float]) -> str:
    """The same as text."""
    lines = [
        f"| training, {net}, {method}, {name} | {value:,.0f} images/s |" for name, value in speed.items()
    ]
    return "\n".join(["| one thread, processor time | |", "|---|---|", *lines, ""])
