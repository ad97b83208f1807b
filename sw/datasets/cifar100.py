"""CIFAR-100: small photographs of 100 classes, 32x32 RGB, in the published order."""

import numpy as np

from xnorforge.sw.datasets.base import first_with, folder_of
from xnorforge.sw.datasets.cifar10 import read_batches, unpacked

SOURCE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
_ARCHIVE = "eb9058c3a382ffc7106e4002c42a8d85"
_MD5 = {"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}


def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 (N, 3, 32, 32) of "train" (50,000) or "test" (10,000), and labels int64 (N,).

    Raises:
        Absent: not in XNORFORGE_DATA, and the download failed.
        UserError: a file is not the published one, or cannot be read.
    """
    places = "cifar100", "cifar-100-python", "cifar100/cifar-100-python"
    folder = first_with(split, *map(folder_of, places)) or unpacked(_URL, _ARCHIVE, "train")
    return read_batches(folder, {split: _MD5[split]}, "fine_labels")
