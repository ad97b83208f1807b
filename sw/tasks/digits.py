"""Handwritten digits for a first training without a download: 10 classes, 8x8 grey."""

from xnorforge.sw.datasets import digits
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images

USUAL = "cnn"
TRAINING, WATCHED = 1297, 100


class Task(mnist.Task):
    """1,297 images to train on; the next 100 are held out; the last 400 are the test set."""

    shape: tuple[int, int, int] = (1, 8, 8)

    def train_sets(self) -> tuple[Images, Images]:
        images, labels = digits.images()
        held_out = slice(TRAINING, TRAINING + WATCHED)
        return (
            Images(images[:TRAINING], labels[:TRAINING], "the first 1,297 of scikit-learn's digits"),
            Images(images[held_out], labels[held_out], "the next 100 of scikit-learn's digits"),
        )

    def test_sets(self) -> list[Images]:
        return [self.golden()]

    def golden(self, count: int | None = None) -> Images:
        images, labels = (part[TRAINING + WATCHED :] for part in digits.images())
        first = "" if count is None else f"the first {len(images[:count])} of "
        return Images(images[:count], labels[:count], f"{first}the last 400 of scikit-learn's digits")
