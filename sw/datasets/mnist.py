"""MNIST: handwritten digits, 28x28 grey; the first 1,000 test images are bundled with this package.

Images are uint8 (N, C, H, W) and labels int64 (N,), in the published order.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np

from xnorforge.sw.datasets.base import Absent, checked, download, first_with, folder_of

SOURCE = "http://yann.lecun.com/exdb/mnist/"
_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
# MD5 of the unpacked files of SOURCE and of the archive they are downloaded in.
_FILES = {
    "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
    "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
    "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
}


def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 1, 28, 28) and labels of `split` "train" (60,000) or "test" (10,000).

    Raises:
        Absent: not in XNORFORGE_DATA, and the download failed.
        UserError: a file is not the published one, or cannot be read.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    pictures, labels = (_file(f"{stem}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    return (
        np.frombuffer(pictures, np.uint8, offset=16).reshape(-1, 1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )


def shipped() -> tuple[np.ndarray, np.ndarray]:
    """The first 1,000 test images of MNIST, from this package."""
    with np.load(str(files("xnorforge.sw") / "data" / "mnist_test_1000.npz")) as stored:
        return stored["images"], stored["labels"].astype(np.int64)


def _file(name: str) -> bytes:
    unpacked, archive = _FILES[name]
    folder = first_with(name, folder_of("."), folder_of("mnist"))
    if folder is None:
        from pooch import Decompress

        try:
            path = download(_URL + name + ".gz", archive, Decompress(name=name))
        except Absent as error:
            raise Absent(
                f"{str(error).rstrip('.')}, or train on the bundled digits without a download: TASK=digits."
            ) from error
    else:
        path = folder / name
    return checked(Path(path), unpacked)
