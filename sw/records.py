"""The records into which data sets are read, and the checks that they share.

Boxes are float64 (N, 4): x0, y0, x1, y1 in pixels; the first pixel covers 0 to 1.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from xnorforge.core.errors import UserError
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.metrics.boxes import Truth
from xnorforge.sw.metrics.segmentation import VOID

# Pillow's other formats start programs, read fonts, or do not come from cameras or drawing programs.
_USUAL = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "GIF", "TIFF")
FORMATS = (*_USUAL, "AVIF", "DDS", "ICO", "JPEG2000", "PCX", "QOI", "SGI", "TGA")
MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class Split:
    """A part of a data set.

    Attributes:
        items: Scene, Segmented or Clip.
        classes: names of the labels.
        what: description of the pictures, real or made-up, for cards and reports.
    """

    items: list[Any]
    classes: tuple[str, ...]
    what: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that is decoded when it is needed.

    Attributes:
        name: its name in the data set.
        source: its file, or its pixels.
        size: (width, height) stated by the annotation; None if not stated.
    """

    name: str
    source: Path | np.ndarray
    size: tuple[int, int] | None

    @property
    def image(self) -> np.ndarray:
        """uint8 (H, W, 3), RGB."""
        return pixels(self.source, self.size)


@dataclass(frozen=True, eq=False)
class Scene(Picture):
    """A picture with boxes.

    Attributes:
        boxes, labels, ignore: as in `metrics.boxes.Truth`.
        masks: picture of numbers, 0 for background and k for object k of `boxes` (from 1); None if the data
            set has none.
    """

    boxes: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray
    masks: Path | np.ndarray | None = None

    @property
    def truth(self) -> Truth:
        return Truth(self.boxes, self.labels, self.ignore)

    @property
    def mask(self) -> np.ndarray:
        """uint8 (H, W): 0, or the number of the object a pixel shows."""
        if self.masks is None:
            raise UserError(
                f"{self.name}: this data set has no masks; use one with masks, such as Penn-Fudan."
            )
        return pixels(self.masks, self.size, numbers=True)


@dataclass(frozen=True, eq=False)
class Segmented(Picture):
    """A picture with a class per pixel.

    Attributes:
        truth: picture of labels 0 .. classes - 1.
        classes: number of classes.
        void: label of pixels that are ignored.
    """

    truth: Path | np.ndarray
    classes: int
    void: int = VOID

    @property
    def labels(self) -> np.ndarray:
        """uint8 (H, W): 0 .. classes - 1, or VOID."""
        found = pixels(self.truth, self.size or size_of(self.source), numbers=True)
        if ((found >= self.classes) & (found != self.void)).any():
            raise UserError(
                f"{self.truth}: contains label {found[found != self.void].max()}, but the data set has "
                f"labels 0 to {self.classes - 1}, and {self.void} for void; use label pictures as in "
                "docs/guide/tasks.md."
            )
        return np.where(found == self.void, np.uint8(VOID), found)


@dataclass(frozen=True, eq=False)
class Clip:
    """A sequence with one object to follow.

    Attributes:
        frames: files, or pixels (T, H, W, 3).
        size: (width, height) of all frames.
        boxes: (T, 4).
        visible: bool (T,), False if the object is not in the frame; its box then has no meaning.
    """

    name: str
    frames: list[Path] | np.ndarray
    size: tuple[int, int]
    boxes: np.ndarray
    visible: np.ndarray

    def frame(self, index: int) -> np.ndarray:
        """uint8 (H, W, 3), RGB."""
        return pixels(self.frames[index], self.size)


def pixels(
    source: Path | np.ndarray,
    size: tuple[int, int] | None = None,
    numbers: bool = False,
    upright: bool = False,
) -> np.ndarray:
    """Decode a picture: uint8 (H, W, 3) RGB; with `numbers` the stored bytes (H, W) of labels.

    With `upright` it is rotated as the camera recorded (Exif); annotations mostly refer to stored pixels.

    Raises:
        UserError: it is missing, empty or damaged, has another size than `size`, is too large, has more than
            8 bits per colour, or is a picture of labels with colours.
    """
    if isinstance(source, np.ndarray):
        return source
    with _opened(source) as picture:
        if size is not None and picture.size != tuple(size):
            raise UserError(
                f"{source}: has {picture.size[0]} x {picture.size[1]} pixels, but its annotation or the "
                f"first frame states {size[0]} x {size[1]}; take both from the same release of the data set."
            )
        if numbers and picture.mode not in ("L", "P"):
            raise UserError(
                f"{source}: is a picture of mode {picture.mode}, but labels have one byte per pixel; "
                "use the label pictures of the data set, not colour renderings of them."
            )
        if picture.mode[0] in "IF":  # which Pillow would cut at 255
            raise UserError(
                f"{source}: has more than 8 bits per colour (mode {picture.mode}); save it with 8 bits."
            )
        try:
            picture = ImageOps.exif_transpose(picture) if upright else picture
            return np.asarray(picture if numbers else picture.convert("RGB"))
        except Exception as error:  # as in `_opened`
            raise _damaged(source) from error


def boxes_in(boxes: np.ndarray, size: tuple[int, int], where: str, partly: bool = False) -> np.ndarray:
    """Return the boxes, (N, 4), float64, after checking that each is in the picture; a pixel is cut off.

    Args:
        where: beginning of the message: file, and picture if the file contains several.
        partly: if True, it is enough that a part of the box is in the picture, and nothing is cut.

    Raises:
        UserError: names the first box without area, or outside the picture.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    (width, height), (x0, y0, x1, y1) = size, boxes.T
    flat = ~((x1 > x0) & (y1 > y0))  # no number is flat too
    outside = (x1 <= 0) | (y1 <= 0) | (x0 >= width) | (y0 >= height)
    if not partly:
        outside |= (x0 < -1) | (y0 < -1) | (x1 > width + 1) | (y1 > height + 1)
    if (flat | outside).any():
        k = int(np.argmax(flat | outside))
        x0, y0, x1, y1 = (f"{value:g}" for value in boxes[k])
        why = "has no area" if flat[k] else f"is not inside the picture of {width} x {height} pixels"
        raise UserError(
            f"{where}: box {k + 1} of {len(boxes)}, x {x0} to {x1} and y {y0} to {y1}, {why}; correct or "
            "remove it."
        )
    return boxes if partly else np.clip(boxes, 0, np.tile(size, 2))


def located(title: str, names: tuple[str, ...], source: str) -> Path:
    """The first of `names` in XNORFORGE_DATA; Absent, with source and place, if there is none."""
    found = next(filter(None, map(datasets.folder_of, names)), None)
    if found is None:
        folders = " or ".join(f"{name}/" for name in names)
        raise datasets.Absent(
            f"{title}: no folder {folders} in {datasets.where()}; unpack it there from {source} "
            "(see docs/guide/tasks.md for the layout)."
        )
    return found


def incomplete(folder: Path, wanted: str) -> UserError:
    """Return the error for a data set whose folder exists but lacks files."""
    return UserError(
        f"{folder}: contains no {wanted}; unpack the data set there as docs/guide/tasks.md shows."
    )


def read_text(path: Path) -> str:
    """The text of an annotation; UserError if it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a regular file")
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: the annotation cannot be read ({type(error).__name__}); unpack the data set again as "
            "docs/guide/tasks.md shows."
        ) from error


def unreadable(path: Path, why: str) -> UserError:
    """Return the error for an annotation that does not have its layout."""
    return UserError(f"{path}: {why}; download the file again or correct it.")


def size_of(source: Path | np.ndarray) -> tuple[int, int]:
    """A picture's (width, height), from a file's first bytes; UserError if missing or damaged."""
    if isinstance(source, np.ndarray):
        return source.shape[1], source.shape[0]
    with _opened(source) as picture:
        return picture.size


def _opened(path: Path) -> Image.Image:
    """Open a picture of one of `FORMATS` and read only its header; a pipe or a device is not opened."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is not a regular file; give a picture.")
    try:
        with warnings.catch_warnings():
            # `MOST_PIXELS` says it in a sentence
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path, formats=FORMATS)
    except FileNotFoundError as error:
        raise UserError(
            f"{path}: the data set lists this picture, but it is missing; unpack the data set again."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # of a damaged head Pillow's readers raise whatever they stumble on
        raise _damaged(path) from error
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise _too_large(path)
    return picture


def _too_large(path: Path) -> UserError:
    return UserError(f"{path}: has more than {MOST_PIXELS:,} pixels; make it smaller.")


def _damaged(path: Path) -> UserError:
    empty = path.is_file() and not path.stat().st_size
    why = "the file is empty" if empty else f"it is truncated, or not one of {', '.join(FORMATS)}"
    return UserError(f"{path}: the picture cannot be read ({why}); download the file again.")
