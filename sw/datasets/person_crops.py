"""Crops of 64x128 with and without a person: 2,416 and 4,115.

Crops with a person have the names and size of the normalised training crops of INRIA's data set (N. Dalal, B.
Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005). Names that differ in the last
letter, or in the number after the underscore, are crops of one photograph. A split never separates crops of a
photograph.
"""

import re
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.errors import unknown
from xnorforge.sw.datasets._records import FORMATS, incomplete, located, unreadable

FILE = "person_crops_64x128_jpeg.npz"
SOURCE = "https://github.com/RashadGarayev/PersonDetection"


def crops(split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the crops of "train" or "test".

    A photograph belongs to the test set if the CRC-32 of its name is a multiple of 5.

    Returns:
        uint8 (N, 128, 64, 3); int64 (N,), 1 with and 0 without a person; and a description of the crops.

    Raises:
        Absent: not in XNORFORGE_DATA.
        UserError: the file cannot be read.
    """
    if split not in ("train", "test"):
        raise unknown("person_crops", split, ("train", "test"))
    folder = located("person crops", ("person_crops",), SOURCE)
    path = folder / FILE
    if not path.exists():
        raise incomplete(folder, FILE)
    streams, at, labels, names = _stored(path)
    in_test = np.array([zlib.crc32(photograph(name).encode()) % 5 == 0 for name in names], bool)
    chosen = np.flatnonzero(in_test == (split == "test"))
    images = [_decoded(path, names[k], streams[at[k] : at[k + 1]].tobytes()) for k in chosen]
    labels = labels[chosen].astype(np.int64)
    share = "a fifth" if split == "test" else "four fifths"
    what = (
        f"person crops, {share} of the photographs: {labels.sum()} crops with and {(labels == 0).sum()} "
        "without a person"
    )
    return np.stack(images) if images else np.zeros((0, 128, 64, 3), np.uint8), labels, what


def photograph(name: str) -> str:
    """Return the photograph a crop is from: crop001001a.png -> crop001001, 121_4.jpg -> 121."""
    return re.sub(r"^(\d+)_\d+$|(?<=\d)[a-z]$", r"\1", Path(name).stem)


def _stored(path: Path):
    try:
        with np.load(path) as stored:
            return (
                stored["data"],
                stored["offsets"],
                stored["labels"],
                [str(name) for name in stored["names"]],
            )
    except (OSError, ValueError, KeyError, EOFError, zlib.error) as error:
        raise unreadable(path, f"cannot be read as a table of crops ({type(error).__name__})") from error


def _decoded(path: Path, name: str, stream: bytes) -> np.ndarray:
    try:
        picture = np.asarray(Image.open(BytesIO(stream), formats=FORMATS).convert("RGB"))
    except OSError as error:
        raise unreadable(path, f"contains no readable picture for {name}") from error
    if picture.shape != (128, 64, 3):
        raise unreadable(
            path,
            f"contains {name} with {picture.shape[1]} x {picture.shape[0]} pixels, but crops have 64 x 128",
        )
    return picture
