"""Small pictures for every network, and random targets for the losses of those that give maps."""

import numpy as np
import torch

from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.tasks.segment import CLASSES, VOID
from xnorforge.sw.training import train, weights

NETS = ["pedestrian-tinyped", "segment-tinyseg", "track-tinytrk"]
# Networks that give maps take pictures of any size: 4 x 4 or 8 x 8 cells, and 12 x 12, on which a template of
# 8 x 8 has 25 places.
SIDES = {"pedestrian": 32, "segment": 32, "track": 80}


def shape_of(net: str) -> tuple[int, int, int]:
    """The size of a network's input, or a small one where it is free."""
    channels, *size = task_of(net).shape
    side = SIDES.get(net.partition("-")[0])
    return (channels, side, side) if side else (channels, *size)


def pictures(net: str, count: int, seed: int = 1) -> torch.Tensor:
    """Random pixels 0..255, float32; to train tinytrk with, `count` is a multiple of five."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape_of(net)), generator=rng).float()


def deployed_exactly(method, net: str, network, images, least: int = 11):
    """A trained network as deployed and back from its file: the same scores, at least so many of them."""
    images = np.asarray(images).astype(np.uint8)
    expected = train.scores(network, images)
    deployed = method.deploy(net, network)
    back = weights.unpack(method.skeleton(net), weights.packed_weights(deployed), "here")
    assert len(np.unique(expected)) >= least
    for found in (deployed, back):
        np.testing.assert_array_equal(train.scores(found, images), expected)
    return deployed, back


def targets(net: str, count: int, seed: int = 1) -> torch.Tensor:
    """What the task's loss compares the scores of so many `pictures` with."""
    rng, task = torch.Generator().manual_seed(seed), net.partition("-")[0]
    if task == "pedestrian":
        classes = task_of(net).classes
        heat = torch.rand(count, classes, 4, 4, generator=rng)
        heat[:, 0, 1, 2] = 1
        sides = 1 + 40 * torch.rand(count, 4, 4, 4, generator=rng)
        return torch.cat([heat, sides, torch.rand(count, 1, 4, 4, generator=rng)], 1)
    if task == "segment":
        drawn = torch.randint(0, CLASSES + 1, (count, 16, 16), generator=rng)
        return torch.where(drawn == CLASSES, VOID, drawn)
    if task == "track":
        near = torch.zeros(count // 5 * 4, 5, 5)
        near[:, 2, torch.randint(0, 5, (), generator=rng)] = 1
        return near
    return torch.randint(0, 10, (count,), generator=rng)
