"""Small photographs of 100 classes, 32x32 RGB (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
Images", 2009).
"""

from xnorforge.sw.datasets import cifar100 as cifar100_images
from xnorforge.sw.tasks import base, cifar10

USUAL = "wrn22"


class Task(base.Published, cifar10.Task):
    """47,500 images to train on; the last 2,500 of the training set are held out."""

    data, apart, read = "CIFAR-100", cifar10.HELD_OUT, cifar100_images.images

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return ()
