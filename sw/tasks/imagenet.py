"""Photographs of 1,000 classes, 224x224 RGB (O. Russakovsky et al., "ImageNet Large Scale Visual Recognition
Challenge", IJCV 2015).
"""

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import imagenet
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

USUAL = "resnet18"
HELD_OUT = 5000
GOLDEN, DRAWN = 8, 2  # pictures of an export; random ones, where there are no others


class Task(base.Task):
    """All training pictures but 5,000, which are held out; less than a tenth of a smaller set."""

    shape: tuple[int, int, int] = (3, imagenet.SIZE, imagenet.SIZE)
    recipe_words = "a part of 8 to 100 % of each picture, mirrored half of the time"

    def train_sets(self) -> tuple[Images, Images]:
        pictures, labels = imagenet.pictures("train")
        order = np.random.default_rng(0).permutation(len(labels))
        held_out = min(HELD_OUT, len(labels) // 10)

        def part(at: np.ndarray, words: str) -> Images:
            what = f"{len(at):,} training pictures of ImageNet in {datasets.where()}, {words}"
            return Images(pictures[at], labels[at], what)

        watched = part(np.sort(order[:held_out]), "drawn by seed 0")
        return part(np.sort(order[held_out:]), "the others"), watched

    def test_sets(self) -> list[Images]:
        pictures, labels = imagenet.pictures("val")
        return [Images(pictures, labels, f"{len(labels):,} validation pictures of ImageNet")]

    def golden(self, count: int | None = None) -> Images:
        """Return the first 8 validation pictures; without ImageNet, two random ones without labels."""
        try:
            pictures, labels = imagenet.pictures("val")
        except datasets.Absent:
            return base.unlabelled(min(count or DRAWN, GOLDEN), self.shape, "ImageNet")
        first = min(count or GOLDEN, GOLDEN)
        pixels, labels = pictures[:first].copy(), labels[:first]
        return Images(pixels, labels, f"the first {len(labels)} validation pictures of ImageNet")

    def augment(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return the images, half of them mirrored; `sampler` also draws parts of them, before it decodes."""
        return base.shifted(images, reach=0, mirrored=True, fill=0, rng=rng)

    def sampler(self, training: Images, device: torch.device):
        """As of every task, but a batch is decoded while another one trains."""
        thread = ThreadPoolExecutor(1)
        pictures, labels = training.images, torch.from_numpy(training.labels)

        def decoded(at: torch.Tensor, drawn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            pixels = torch.from_numpy(pictures[at.numpy()].varied(drawn.numpy()))
            return pixels.to(device), labels[at].to(device)

        def ahead(at: torch.Tensor, rng: torch.Generator) -> Future:
            return thread.submit(decoded, at, torch.rand(len(at), 5, generator=rng))

        return base.Ahead(ahead)
