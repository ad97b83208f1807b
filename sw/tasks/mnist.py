"""Handwritten digits: 10 classes, 28x28 grey (LeCun, Cortes, Burges, "The MNIST database", 1998)."""

from typing import ClassVar

from xnorforge.sw.datasets import classification
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images, Recipe

HELD_OUT = 5000


class Task(base.Task):
    """55,000 images to train on, the last 5,000 of the training set held out; the first 1,000 test images are
    shipped.
    """

    shape = (1, 28, 28)
    nets: ClassVar = {
        "mnist-tfc": Recipe(epochs=60, batch=128, lr=5e-3, bf16=False),
        "mnist-cnn": Recipe(epochs=30, batch=128, lr=5e-3),
    }
    recipe_words = "each image moved by up to 1 pixel each way"

    def train_sets(self):
        images, labels = classification.mnist("train")
        return (
            Images(images[:-HELD_OUT], labels[:-HELD_OUT], "the first 55,000 training images of MNIST"),
            Images(images[-HELD_OUT:], labels[-HELD_OUT:], "the last 5,000 training images of MNIST"),
        )

    def test_sets(self):
        return [Images(*classification.mnist("test"), "10,000 test images of MNIST"), self.golden()]

    def golden(self, count=None):
        images, labels = classification.mnist_shipped()
        images, labels = images[:count], labels[:count]
        return Images(images, labels, f"the first {len(images):,} test images of MNIST")

    def augment(self, images, rng):
        return base.shifted(images, reach=1, mirrored=False, fill=0, rng=rng)
