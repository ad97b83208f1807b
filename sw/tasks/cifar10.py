"""Small photographs: 10 classes, 32x32 RGB (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
Images", 2009).
"""

from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import cifar10 as cifar10_images
from xnorforge.sw.tasks import base
from xnorforge.sw.tasks.base import Images

USUAL = "cnv"
HELD_OUT = 2500
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PIXELS = {"exact": "exact pixels", "jpeg": "JPEG copies"}


class Task(base.Task):
    """47,500 images to train on; the last 2,500 of the training set are held out.

    Accuracy is stated separately for the published pixels and for copies that went through JPEG, because
    these are different images."""

    shape: tuple[int, int, int] = (3, 32, 32)
    reach, fill, mirrored = 2, 128, True
    moved_words = "each image moved by up to {} pixels each way and mirrored half of the time"
    recipe_words: str = moved_words.format(reach)

    def train_sets(self) -> tuple[Images, Images]:
        images, labels, pixels = cifar10_images.images("train")
        return base.held_out(images, labels, HELD_OUT, f"CIFAR-10, {_PIXELS[pixels]}")

    def test_sets(self) -> list[Images]:
        images, labels, pixels = cifar10_images.images("test")
        return [Images(images, labels, f"10,000 test images of CIFAR-10, {_PIXELS[pixels]}"), self._first()]

    def golden(self, count: int | None = None) -> Images:
        """The first 1,000 test images with exact pixels; without CIFAR-10, 100 random ones."""
        try:
            return self._first(count)
        except datasets.Absent:
            return base.unlabelled(min(count or 100, 100), self.shape, "CIFAR-10")

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return CLASSES

    def _first(self, count=None):
        images, labels, _ = cifar10_images.images("test", "exact")
        images, labels = images[:1000][:count], labels[:1000][:count]
        return Images(images, labels, f"the first {len(images):,} test images of CIFAR-10, exact pixels")
