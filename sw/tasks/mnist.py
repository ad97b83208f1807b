"""Handwritten digits: 10 classes, 28x28 grey (LeCun, Cortes, Burges, "The MNIST database", 1998)."""

import numpy as np

from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.decode.square import bright_on_dark
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

USUAL = "cnn"
HELD_OUT = 5000


class Task(base.Task):
    """55,000 images to train on, the last 5,000 held out; the first 1,000 test images are bundled."""

    shape: tuple[int, int, int] = (1, 28, 28)
    reach = 1
    moved_words = "each image moved by up to {} pixels each way"
    recipe_words = "each image moved by up to 1 pixel each way"

    def train_sets(self) -> tuple[Images, Images]:
        return base.held_out(*mnist_images.images("train"), HELD_OUT, "MNIST")

    def test_sets(self) -> list[Images]:
        return [Images(*mnist_images.images("test"), "10,000 test images of MNIST"), self.golden()]

    def golden(self, count: int | None = None) -> Images:
        images, labels = mnist_images.shipped()
        images, labels = images[:count], labels[:count]
        return Images(images, labels, f"the first {len(images):,} test images of MNIST")

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return tuple("0123456789")

    def as_input(self, picture: np.ndarray) -> np.ndarray:
        """Dark digits on light paper are inverted."""
        return bright_on_dark(super().as_input(picture))
