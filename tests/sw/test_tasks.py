"""Every task found on disk: seeded variation, a metric on known answers, networks that fit."""

import numpy as np
import pytest
import torch

from xnorforge.core import networks as catalogue
from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.sw import networks
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.tasks import base

from .nets import NETS

TASKS = {name: plugins.load("sw.tasks", name).Task() for name in plugins.names("sw.tasks")}
MAPS = {"pedestrian-tinyped": (5, 16, 20), "segment-tinyseg": (11, 30, 40), "track-tinytrk": (1, 17, 17)}


def classes_of(task):
    """One more than the largest label of 50 golden images, or what a data set has that may not be there."""
    of = {"cifar10": 10, "fashion": 10, "imagenet": 1000}
    known = of.get(type(task).__module__.rpartition(".")[2])
    return known or int(task.golden(50).labels.max()) + 1


@pytest.fixture(params=TASKS)
def task(request):
    return TASKS[request.param]


@pytest.fixture(params=[name for name, task in TASKS.items() if task.classifies])
def classes(request):
    """A task whose labels are classes."""
    return TASKS[request.param]


def test_every_network_is_of_a_task_and_every_task_names_a_network_of_its_own():
    assert {catalogue.task_name(net) for net in networks.names()} == set(TASKS)
    for name in TASKS:
        assert catalogue.usual(name) in networks.names() and catalogue.usual(name).startswith(f"{name}-")


def test_five_folds_hold_out_every_training_picture_once_and_train_on_all_others():
    images = np.arange(136, dtype=np.uint8).reshape(-1, 1, 1, 1)
    given = base.Images(images, np.arange(136), "figures", [f"picture {at}" for at in range(136)])
    parts = [given.apart(fold) for fold in (1, 2, 3, 4, 5)]
    assert np.concatenate([own.labels for _, own in parts]).tolist() == list(range(136))
    for left, own in parts:
        assert sorted([*left.labels, *own.labels]) == list(range(136)) and len(own.images) in (27, 28)
        assert left.source == [f"picture {at}" for at in left.images.ravel()] and own.source is None
    with pytest.raises(UserError, match=r"RECIPE: fold=6 cannot be taken from figures; use 1 \.\. 5"):
        given.apart(6)


def test_an_unknown_network_has_no_task():
    with pytest.raises(UserError, match=r"NET: 'mnist' .*cifar10-cnv, .*, mnist-cnn, .*mnist-tfc"):
        base.task_of("mnist")


@pytest.mark.parametrize("net", NETS)
def test_a_network_takes_the_images_of_its_task(net):
    task = base.task_of(net)
    scores = networks.build(net).eval()(torch.zeros(2, *task.shape))
    if task.classifies:
        assert scores.shape == (2, classes_of(task))
    else:
        assert scores.shape == (2, *MAPS[net])


def test_the_metric_counts_the_first_of_equal_scores(classes):
    scores = np.array([[0, 3, 1], [2, 2, 0], [1, 0, 1], [5, 6, 7]], np.float32)
    assert classes.correct(scores, np.array([1, 0, 2, 2])) == 3


def test_variation_is_seeded_and_keeps_shape_and_type(classes):
    images = torch.randint(0, 256, (16, *classes.shape), dtype=torch.uint8)
    a, b, c = (classes.augment(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert a.dtype == torch.uint8 and a.shape == images.shape
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_golden_images_fit_the_task(task, monkeypatch):
    # Where data sets are not at hand, a few made-up pictures.
    for name in ("pedestrians", "segments", "shapes", "clips"):
        made = getattr(synthetic, name)
        monkeypatch.setattr(synthetic, name, lambda count, *rest, made=made: made(min(count, 5), *rest))
    golden = task.golden(5)
    assert golden.images.shape == (5, *task.shape) and golden.images.dtype == np.uint8
    assert len(golden.labels) == 5 and golden.what
    assert not task.classifies or golden.labels.shape == (5,)


def test_a_shift_moves_whole_pictures_and_fills_the_border():
    picture = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 3, 3)
    wide = np.pad(picture[0, 0].numpy(), 1, constant_values=77)
    windows = {wide[y : y + 3, x : x + 3].tobytes() for y in range(3) for x in range(3)}
    seen = base.shifted(picture.expand(200, 1, 3, 3), 1, False, 77, torch.Generator().manual_seed(0))
    assert {image.numpy().tobytes() for image in seen} == windows


def test_a_mirror_turns_left_to_right_in_every_channel():
    picture = torch.tensor([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], dtype=torch.uint8)
    seen = base.shifted(picture.expand(50, 2, 2, 2), 0, True, 0, torch.Generator().manual_seed(0))
    images = {tuple(image.flatten().tolist()) for image in seen}
    assert images == {(1, 2, 3, 4, 5, 6, 7, 8), (2, 1, 4, 3, 6, 5, 8, 7)}
