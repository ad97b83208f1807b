"""Fashion-MNIST: articles of clothing, 28x28 grey, exact pixels (H. Xiao, K. Rasul, R. Vollgraf, 2017).

Images are uint8 (N, C, H, W) and labels int64 (N,), in the published order. Debian's package
`dataset-fashion-mnist` has all 70,000.
"""

import gzip
import hashlib
from pathlib import Path

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.sw.datasets.base import Absent, first_with, folder_of, where

SOURCE = "https://github.com/zalandoresearch/fashion-mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# MD5 of the unpacked files.
_FILES = {
    "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
}


def images(split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 1, 28, 28) and labels of `split` "train" (60,000) or "test" (10,000).

    Raises:
        Absent: neither in XNORFORGE_DATA nor installed.
        UserError: a file is not the published one, or cannot be read.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    pictures, labels = (_file(f"{stem}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    shaped = np.frombuffer(pictures, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return shaped, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def _file(name: str) -> bytes:
    folder = first_with(name, folder_of("fashion-mnist"), DEBIAN)
    if folder is None:
        raise Absent(
            f"{name}: not in fashion-mnist/ of {where()} and not in {DEBIAN}; install it by "
            "`sudo apt install dataset-fashion-mnist`."
        )
    try:
        content = gzip.decompress((folder / name).read_bytes())
    except (OSError, EOFError) as error:
        raise UserError(
            f"{folder / name}: not a gzip archive ({error}); install the package again."
        ) from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != _FILES[name]:
        raise UserError(f"{folder / name}: is not the published file; install the package again.")
    return content
