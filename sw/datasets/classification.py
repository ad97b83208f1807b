"""Images and labels: uint8 (N, C, H, W) and int64 (N,), in the published order.

MNIST's first 1,000 test images lie in this package. Everything else comes from the folder XNORFORGE_DATA
names (directly in it or in `mnist/`, `cifar10/`, `cifar-10-batches-py/`), else it is downloaded once into the
user's cache. Every file is checked against its published hash before it is read. docs/training.md lists the
layouts.
"""

import hashlib
import os
import pickle
from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError

# MD5 of the unpacked files of http://yann.lecun.com/exdb/mnist/ and of the archive they are downloaded in.
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST = {
    "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", "d53e105ee54ea40749a09fcbcd1e9432"),
    "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", "9fb629c4189551a2d022fa330f9573f3"),
    "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", "ec29112dd5afa0611ce80d1b7f02629c"),
}
# MD5 of the archive and the batches of https://www.cs.toronto.edu/~kriz/cifar.html, in the order of the
# images.
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_CIFAR_ARCHIVE = "c58f30108f718f92721af3b95e74349a"
_CIFAR = {
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}


class Absent(UserError):
    """The images lie in no folder we know of, and the network does not give them."""


def mnist(split: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST: `split` is "train" (60,000) or "test" (10,000); images (N, 1, 28, 28).

    Raises:
        Absent: not in XNORFORGE_DATA and not to be downloaded.
        UserError: a file is not the published one, or cannot be read.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    images, labels = (_mnist_file(f"{stem}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    images = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return images, np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def mnist_shipped() -> tuple[np.ndarray, np.ndarray]:
    """The first 1,000 test images of MNIST, from this package."""
    with np.load(files("xnorforge.sw") / "data" / "mnist_test_1000.npz") as stored:
        return stored["images"], stored["labels"].astype(np.int64)


def cifar10(split: str, pixels: str = "any") -> tuple[np.ndarray, np.ndarray, str]:
    """CIFAR-10: `split` is "train" or "test"; images (N, 3, 32, 32) and which pixels they have: "exact" or
    "jpeg".

    Args:
        pixels: "exact": the published pixels; "jpeg": copies that went through JPEG once
            (`cifar10_*_jpeg.npz`);
            "any": exact ones if all images of the split have them, else the copies.

    With "exact" the test split may be the first 1,000 images only (`cifar10_test_lossless.png`).

    Raises:
        Absent: not in XNORFORGE_DATA and not to be downloaded.
        UserError: a file is not the published one, or cannot be read.
    """
    folder = folder_of("cifar10")
    places = ".", "cifar10", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"
    batches = _first_with("data_batch_1", *map(folder_of, places))
    copies = folder and folder / f"cifar10_{split}_jpeg.npz"
    exact = folder and folder / f"cifar10_{split}_lossless.png"
    has_copies, has_exact = bool(copies and copies.exists()), bool(exact and exact.exists())
    if batches is None and pixels != "exact" and has_copies:
        return *_cifar_copies(copies), "jpeg"
    if batches is None and pixels == "exact" and has_exact:
        return *_cifar_pictures(exact), "exact"
    if pixels == "jpeg":
        raise Absent(f"cifar10_{split}_jpeg.npz: not in {where()}; use the exact pixels.")
    return *_cifar_batches(batches or _downloaded_cifar(), split), "exact"


def _mnist_file(name: str) -> bytes:
    unpacked, archive = _MNIST[name]
    folder = _first_with(name, folder_of("."), folder_of("mnist"))
    if folder is None:
        from pooch import Decompress

        path = _download(_MNIST_URL + name + ".gz", archive, Decompress(name=name))
    else:
        path = folder / name
    return _checked(Path(path), unpacked)


def _cifar_batches(folder: Path, split: str):
    # The pickles are opened only after their hash was found to be the published one.
    parts = [
        pickle.loads(_checked(folder / name, md5), encoding="latin1") for name, md5 in _CIFAR[split].items()
    ]
    images = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 32, 32)
    return images, np.concatenate([part["labels"] for part in parts]).astype(np.int64)


def _picture(stream: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(stream), formats=("JPEG", "PNG")))


@cache
def _cifar_copies(path: Path):
    with np.load(BytesIO(_listed(path))) as stored:
        streams, at, labels = stored["jpeg"], stored["offsets"], stored["labels"]
    images = np.stack([_picture(streams[a:b].tobytes()) for a, b in pairwise(at)])
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)


def _cifar_pictures(path: Path):
    images = _picture(_listed(path)).reshape(-1, 32, 32, 3)
    with np.load(BytesIO(_listed(path.with_name(path.stem + "_index.npz")))) as stored:
        index, labels = stored["index"], stored["labels"]
    if not np.array_equal(index, np.arange(len(index))):
        raise UserError(
            f"CIFAR-10: {path.name} does not hold the first images in a row, so it cannot stand for them."
        )
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels.astype(np.int64)


def _downloaded_cifar() -> Path:
    from pooch import Untar

    unpacked = _download(_CIFAR_URL, _CIFAR_ARCHIVE, Untar())
    return Path(next(path for path in unpacked if path.endswith("test_batch"))).parent


def _download(url: str, md5: str, processor):
    import pooch
    from requests.exceptions import RequestException

    name = url.rsplit("/", 1)[1]
    try:
        return pooch.retrieve(url, f"md5:{md5}", path=pooch.os_cache("xnorforge"), processor=processor)
    except (RequestException, OSError) as error:
        raise Absent(
            f"{name}: not in {where()} and not downloaded ({type(error).__name__}); set XNORFORGE_DATA to a "
            "folder that holds it."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{url}: what was downloaded has not the published MD5 {md5}; try again or set XNORFORGE_DATA."
        ) from error


def _checked(path: Path, md5: str) -> bytes:
    content = _read(path)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise UserError(f"{path}: MD5 is {found}, the published file has {md5}; fetch the file again.")
    return content


def _listed(path: Path) -> bytes:
    """A file's bytes, checked against the SHA256SUMS beside it."""
    content, sums = _read(path), _read(path.with_name("SHA256SUMS")).decode()
    wanted = {line.split()[1]: line.split()[0] for line in sums.splitlines() if line.strip()}.get(path.name)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise UserError(
            f"{path}: SHA-256 is {found}, SHA256SUMS beside it says {wanted}; fetch the file again."
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: {error.strerror.lower()}; XNORFORGE_DATA must name a folder that holds it."
        ) from error


def _root() -> Path | None:
    given = os.environ.get("XNORFORGE_DATA")
    if not given:
        return None
    if not Path(given).is_dir():
        raise UserError(
            f"XNORFORGE_DATA: '{given}' is not a folder; name one that holds mnist/ or cifar10/, or unset it."
        )
    return Path(given)


def folder_of(name: str) -> Path | None:
    """The folder of that name in XNORFORGE_DATA, if there is one.

    Raises:
        UserError: XNORFORGE_DATA names no folder.
    """
    root = _root()
    return root / name if root and (root / name).is_dir() else None


def _first_with(name: str, *folders: Path | None) -> Path | None:
    return next((folder for folder in folders if folder and (folder / name).exists()), None)


def where() -> str:
    """Where was looked, for a sentence on what is missing."""
    return f"XNORFORGE_DATA ({_root()})" if _root() else "XNORFORGE_DATA (not set)"
