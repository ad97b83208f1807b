"""ImageNet (ILSVRC 2012): 1,281,167 training and 50,000 validation photographs of 1,000 classes, decoded
while a network trains.

    imagenet/train/n01440764/*.JPEG, imagenet/val/n01440764/*.JPEG    class k is the k-th folder
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.sw.datasets.base import Absent, folder_of, where

SOURCE = "https://www.image-net.org"
SIZE = 224  # pixels of an edge
ENDS = (".jpeg", ".jpg")
AREA, SHAPE = (0.08, 1.0), (3 / 4, 4 / 3)  # of a drawn part: share of the picture, width over height


@cache
def decoders() -> ThreadPoolExecutor:
    """Threads that decode; Pillow lets others run meanwhile."""
    return ThreadPoolExecutor(os.cpu_count())


@dataclass(frozen=True)
class Pictures:
    """Pictures in `files` (N,); an index, a slice or an array gives others of the same kind."""

    files: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """That of the pixels."""
        return len(self.files), 3, SIZE, SIZE

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, at: Any) -> "Pictures":
        return Pictures(self.files[at])

    def copy(self) -> np.ndarray:
        """Return pixels uint8 (N, 3, 224, 224): the middle 7/8 of the shorter edge, as a square."""
        return self._decoded(lambda _, size: middle(size))

    def varied(self, drawn: np.ndarray) -> np.ndarray:
        """Return pixels uint8 (N, 3, 224, 224) of a part of each picture, mirrored half of the time.

        Args:
            drawn: numbers in [0, 1), (N, 5): area and shape of the part, its place in x and y, mirror.
        """
        pixels = self._decoded(lambda at, size: drawn_part(size, *drawn[at, :4]))
        mirrored = drawn[:, 4] < 0.5
        pixels[mirrored] = pixels[mirrored, :, :, ::-1]
        return pixels

    def _decoded(self, box: Callable) -> np.ndarray:
        found = np.empty(self.shape, np.uint8)

        def decode(at: int) -> None:
            found[at] = _square(self.files[at], lambda size: box(at, size))

        list(decoders().map(decode, range(len(self))))
        return found


def middle(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The middle square of a picture (width, height), 7/8 of its shorter edge: x0, y0, x1, y1."""
    edge = min(size) * 7 / 8
    return tuple((length - edge) / 2 + more for more in (0, edge) for length in size)  # type: ignore[return-value]


def drawn_part(
    size: tuple[int, int], area: float, shape: float, x: float, y: float
) -> tuple[float, float, float, float]:
    """Return the part of a picture (width, height) that numbers in [0, 1) draw: x0, y0, x1, y1. Its area is 8
    to 100 % of the picture's, its width 3/4 to 4/3 of its height, each cut to the picture's."""
    pixels = size[0] * size[1] * (AREA[0] + area * (AREA[1] - AREA[0]))
    wide = SHAPE[0] * (SHAPE[1] / SHAPE[0]) ** shape
    width, height = min(size[0], (pixels * wide) ** 0.5), min(size[1], (pixels / wide) ** 0.5)
    left, top = x * (size[0] - width), y * (size[1] - height)
    return left, top, left + width, top + height


def _square(file: Path, box: Callable) -> np.ndarray:
    """uint8 (3, 224, 224) of a box of a picture."""
    try:
        with Image.open(file, formats=("JPEG", "PNG")) as picture:  # ILSVRC has one PNG
            wanted, whole = box(picture.size), picture.size
            # A JPEG decoder leaves out frequencies that the smaller picture does not show.
            least = SIZE / min(wanted[2] - wanted[0], wanted[3] - wanted[1])
            picture.draft("RGB", (round(whole[0] * least), round(whole[1] * least)))
            scale = [picture.size[at % 2] / whole[at % 2] for at in range(4)]
            cut = tuple(edge * by for edge, by in zip(wanted, scale))
            found = picture.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR, cut)
    except OSError as error:
        raise UserError(f"{file}: the picture cannot be read ({error}); copy the file again.") from error
    return np.asarray(found).transpose(2, 0, 1)


@cache
def pictures(split: str) -> tuple[Pictures, np.ndarray]:
    """The pictures of "train" or "val", their classes, int64 (N,); Absent if there are none."""
    folder = folder_of(f"imagenet/{split}")
    classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder else []
    rows = [
        (path, label)
        for label, inside in enumerate(classes)
        for path in sorted(inside.iterdir())
        if path.suffix.lower() in ENDS
    ]
    if not rows:
        raise Absent(
            f"imagenet: no pictures of {split} in {where()}; put them into "
            f"imagenet/{split}/CLASS/; {SOURCE} gives them to those with an account."
        )
    files, labels = zip(*rows)
    return Pictures(np.array(files, object)), np.array(labels, np.int64)
