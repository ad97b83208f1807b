"""Articles of clothing: 10 classes, 28x28 grey (H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image
Dataset for Benchmarking Machine Learning Algorithms", 2017).
"""

from xnorforge.sw.datasets import fashion
from xnorforge.sw.tasks import base

USUAL = "cnn"
CLASSES = "t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"


class Task(base.Published):
    """55,000 images to train on; the last 5,000 of the training set are held out."""

    data, apart, read = "Fashion-MNIST", 5000, fashion.images
    shape: tuple[int, int, int] = (1, 28, 28)
    reach, mirrored = 1, True
    moved_words = "each image moved by up to {} pixels each way and mirrored half of the time"
    recipe_words: str = moved_words.format(reach)

    def names(self, _trained_on: str) -> tuple[str, ...]:
        return CLASSES
