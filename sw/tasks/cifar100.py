"""Small photographs of 100 classes, 32x32 RGB (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
Images", 2009).
"""

from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import cifar100 as cifar100_images
from xnorforge.sw.tasks import base, cifar10
from xnorforge.sw.tasks.base import Images

USUAL = "wrn22"


class Task(cifar10.Task):
    """47,500 images to train on; the last 2,500 of the training set are held out."""

    def train_sets(self) -> tuple[Images, Images]:
        images, labels = cifar100_images.images("train")
        at = len(images) - cifar10.HELD_OUT
        return (
            Images(images[:at], labels[:at], f"the first {at:,} training images of CIFAR-100"),
            Images(images[at:], labels[at:], f"the last {cifar10.HELD_OUT:,} training images of CIFAR-100"),
        )

    def test_sets(self) -> list[Images]:
        images, labels = cifar100_images.images("test")
        return [Images(images, labels, f"{len(images):,} test images of CIFAR-100")]

    def golden(self, count: int | None = None) -> Images:
        """Return the first 1,000 test images; without CIFAR-100, 100 random ones without labels."""
        try:
            images, labels = (part[:1000][:count] for part in cifar100_images.images("test"))
        except datasets.Absent:
            return base.unlabelled(min(count or 100, 100), self.shape, "CIFAR-100")
        return Images(images, labels, f"the first {len(images):,} test images of CIFAR-100")

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return ()
