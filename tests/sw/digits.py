"""Real digits, few and small enough to train on in a test.

scikit-learn's, 8x8 pixels: 1,297 to train on, 500 held out. MNIST's, 28x28: the 1,000 in the repository."""

from functools import cache, partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import building_blocks
from xnorforge.sw.nn.building_blocks import Block, Network, Scores
from xnorforge.sw.tasks import base, mnist
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import train

from .nets import give_network


def wide() -> Network:
    """8x8 pixels, so few channels that methods can differ on digits."""
    return Network(Block(1, 8, kernel=3, pad=1, pixels=True), Block(8, 8, kernel=3, pad=1),
                   Block(8, 8, kernel=3, pad=1, pool=2), Block(8, 16, kernel=3, pad=1),
                   Block(16, 16, kernel=3, pad=1, pool=2), nn.Flatten(), Scores(64, 10, 2**-2))  # fmt: skip


@cache
def small() -> tuple[Images, Images]:
    """scikit-learn's digits: to train on, and held out."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = (found.images * 16).clip(0, 255).astype(np.uint8)[order, None]
    labels = found.target.astype(np.int64)[order]
    parts = (slice(1297), "1,297 digits"), (slice(1297, None), "500 digits")
    return tuple(Images(images[part], labels[part], what) for part, what in parts)


def started(method, net="mnist-tfc", epochs=2, phase: int | str = 0, seed=0, arithmetic="float32", batch=64,
            lr=5e-3, task=None) -> train.Run:  # fmt: skip
    """A run at the begin of a phase: one by its number, alone, or one by its name, behind those before it."""
    torch.manual_seed(seed)
    recipe = Recipe(epochs, batch, lr, arithmetic=arithmetic)
    rng = torch.Generator().manual_seed(seed)
    run = train.Run(net, task or task_of(net), recipe, method, method.build(net), rng)
    phases = method.phases(recipe)
    last = phases[phase] if isinstance(phase, int) else next(one for one in phases if one.name == phase)
    for one in [last] if isinstance(phase, int) else phases[: phases.index(last) + 1]:
        begin(run, one)
    return run


def begin(run, phase) -> None:
    """Begin a phase, with an optimiser of its own."""
    run.phase = phase
    run.method.begin(run)
    run.optimiser = run.method.optimiser(run)


def trained(method, seed: int, epochs: int = 20) -> train.Run:
    """All phases of a training on scikit-learn's digits, the last epoch with constants of sums on grid."""
    recipe = Recipe(epochs=epochs, batch=64, lr=1e-2, warmup=20, arithmetic="float32")
    torch.manual_seed(seed)
    with pytest.MonkeyPatch.context() as once:
        give_network(once, "digits-cnn", wide)  # of that size
        built = method.build("digits-cnn")
    run = train.Run("digits-cnn", base.Task(), recipe, method, built, torch.Generator().manual_seed(seed))
    run.sets = small()
    plan = [(phase, epoch) for phase in method.phases(recipe) for epoch in range(phase.epochs)]
    for at, (phase, run.epoch) in enumerate(plan, start=1):
        if not run.epoch:
            begin(run, phase)
        building_blocks.set_on_grid(run.network, at == len(plan))
        epoch(run)
        method.on_epoch(run)
    return run


def epoch(run: train.Run) -> float:
    """An epoch of a run on its training images; returns the mean loss."""
    sample = run.task.sampler(run.sets[0], run.device)
    return train._epoch(run, partial(run.method.step, run), sample, len(run.sets[0].images))


def steps(run, count):
    """Training steps on the MNIST digits in the repository, 64 images each."""
    images, labels = mnist_images.shipped()
    for at in range(count):
        take = slice(64 * (at % 15), 64 * (at % 15) + 64)
        run.method.step(run, torch.from_numpy(images[take].copy()), torch.from_numpy(labels[take]))
    return run


def in_place_of_mnist(monkeypatch, *cuts: tuple[int, int], epochs: int) -> list[Images]:
    """MNIST's shipped digits as the task's sets: to train on, held out, to test (by default held out)."""
    images, labels = mnist_images.shipped()
    sets = [Images(images[a:b], labels[a:b], str(b - a)) for a, b in cuts]
    recipe = Recipe(epochs=epochs, batch=64, lr=5e-3, warmup=4, arithmetic="float32")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda _self: tuple(sets[:2]))
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _self: sets[2:] or sets[1:])
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)
    return sets
