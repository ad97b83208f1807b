"""Images and labels of a user's own: IMAGES_FROM and LABELS of a build.

IMAGES_FROM=folder       pictures; with subfolders, each is a class, counted in the order of their names
IMAGES_FROM=file.npz     an array `images` (or the only one, or `x`), perhaps `labels` (or `y`)
IMAGES_FROM=rows.csv     a row of numbers per sample; LABELS=last says that the last column is the label
LABELS=file              .npy, .npz, or text: a whole number per line, or "name,label" for a folder
"""

import csv
import zipfile
from math import prod
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.core.limits import most, whole_number
from xnorforge.flows.importing.samples import Samples
from xnorforge.pipeline.options import parses
from xnorforge.sw.datasets.folder import read_folder
from xnorforge.sw.records import FORMATS

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MODES = {1: "L", 3: "RGB"}
LAST = "last"
LARGEST = 1 << 53  # of a label; all whole numbers up to it are float64 numbers


def samples_of_classes(data: Path, shape: tuple[int, ...]) -> Samples:
    """The test pictures of a folder with a folder for each class, fitted to an input as in a training.

    Raises:
        UserError: the input is no image, or see `read_folder`.
    """
    if len(shape) != 3:
        raise UserError(
            f"DATA: the network takes {'x'.join(map(str, shape))} numbers, no image (channels, rows, "
            "columns); give IMAGES_FROM."
        )
    own = read_folder(data)
    images, labels, which = own.part("test", (shape[0], shape[1], shape[2]))
    return Samples(images, labels, which, pixels=True, classes=len(own.classes), names=list(own.classes))


def own_samples(images_from: str, labels: str | None, shape: tuple[int, ...]) -> Samples:
    """The samples that a request names.

    Args:
        images_from: a folder, an .npz or a .csv file.
        labels: a file, or "last" of a CSV file; None where the data hold them, or nobody does.
        shape: of the network's input, without the batch.

    Raises:
        UserError: something cannot be read, has another size or number than it must; one sentence.
    """
    path = Path(images_from)
    if path.is_dir():
        values, found, names, order = _folder(path, shape)
    elif path.suffix.lower() == ".npz":
        (values, found), names, order = _packed(path, shape), [], None
    elif path.suffix.lower() == ".csv":
        (values, found), names, order = _rows(path, labels == LAST, shape), [], None
    else:
        raise UserError(f"IMAGES_FROM: '{path}' is not a folder, an .npz or a .csv file; give one of these.")
    if len(values) < 2:
        raise UserError(f"IMAGES_FROM: '{path}' contains {len(values)} images; give two or more.")
    if labels == LAST and path.suffix.lower() != ".csv":
        raise UserError(
            f"LABELS: 'last' needs a .csv file, but IMAGES_FROM is '{path}'; give a file of labels."
        )
    if labels and labels != LAST:
        found = _labels(Path(labels), order)
        if not len(found):
            raise UserError(f"LABELS: '{labels}' contains no labels; give one per image, -1 where unknown.")
    if len(found) not in (0, len(values)):
        raise UserError(
            f"LABELS: '{labels or path}' contains {len(found):,} labels, but '{path}' contains "
            f"{len(values):,} images; give one label per image."
        )
    known = f"{len(names)} classes by folder" if names else "with labels" if len(found) else "without labels"
    what = f"{len(values):,} images of {path.name}, {known}"
    return Samples(values, found, what, pixels=path.is_dir(), names=names)


def calibration_rows(path: Path) -> np.ndarray:
    """The floats in a calibration file, (N, …)."""
    values, _ = _arrays(path, "INPUT")
    return values


def _folder(path: Path, shape):
    """Pictures as uint8 (N, *shape), labels and class names where there are any, and file names."""
    if len(shape) != 3 or shape[0] not in MODES:
        raise UserError(
            f"IMAGES_FROM: '{path}' is a folder of pictures, but the network's input of "
            f"{'x'.join(map(str, shape))} is not a picture with 1 or 3 channels; give an .npz file."
        )
    classes = sorted(one for one in path.iterdir() if one.is_dir() and not one.name.startswith("."))
    files = [(k, file) for k, one in enumerate(classes or [path]) for file in sorted(one.iterdir())]
    files = [(k, file) for k, file in files if file.suffix.lower() in PICTURES]
    if not files:
        raise UserError(
            f"IMAGES_FROM: '{path}' does not contain pictures ({', '.join(PICTURES)}); give another folder."
        )
    images = np.stack([_picture(file, shape) for _, file in files])
    labels = np.array([k for k, _ in files] if classes else [], np.int64)
    return images, labels, [one.name for one in classes], [str(file.relative_to(path)) for _, file in files]


def _picture(file: Path, shape) -> np.ndarray:
    colours, height, width = shape
    try:
        if not file.is_file():
            raise ValueError("it is not a regular file")
        with Image.open(file, formats=FORMATS) as opened:
            if opened.size != (width, height):
                raise UserError(
                    f"IMAGES_FROM: '{file}' has {opened.size[0]} x {opened.size[1]} pixels, but the network "
                    f"takes {width} x {height}; scale or crop the pictures as in training."
                )
            if opened.mode[0] in "IF":  # which Pillow would cut at 255
                raise ValueError(f"it has more than 8 bits per colour, mode {opened.mode}")
            pixels = np.asarray(opened.convert(MODES[colours]), np.uint8)
    except UserError:
        raise
    except Exception as error:  # of a damaged file Pillow's readers raise whatever they stumble on
        raise UserError(f"IMAGES_FROM: '{file}' cannot be read as a picture ({error}); remove it.") from error
    return pixels.reshape(height, width, colours).transpose(2, 0, 1)


def _regular(path: Path, kind: str) -> None:
    """See that a file is a regular one, and that it is no longer than the limit, packed or unpacked."""
    if path.exists() and not path.is_file():
        raise UserError(f"{kind}: '{path}' is not a regular file; give the path of one.")
    size = path.stat().st_size if path.exists() else 0
    if size and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as packed:
                size = max(size, sum(part.file_size for part in packed.infolist()))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return  # numpy says what is wrong with it
    if size > most("FILE_MB") << 20:
        raise UserError(
            f"{kind}: '{path}' has {size >> 20:,} MB, and the limit is {most('FILE_MB'):,} MB; give fewer "
            "images, or raise XNORFORGE_MAX_FILE_MB."
        )


def _stored(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, or that of an .npy file as "images"; nothing of it is run."""
    opened = np.load(path, allow_pickle=False)
    if isinstance(opened, np.ndarray):
        return {"images": opened}
    with opened:
        found = {name: opened[name] for name in opened}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}


def _arrays(path: Path, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and labels (perhaps none) of an .npz file; only numbers of an .npy file."""
    _regular(path, kind)
    try:
        arrays = _stored(path)
    except (OSError, ValueError, EOFError, KeyError, SyntaxError) as error:
        raise UserError(
            f"{kind}: '{path}' cannot be read as numpy arrays ({error}); write it with numpy.savez."
        ) from error
    except Exception as error:  # zipfile has errors of its own
        raise UserError(f"{kind}: '{path}' is truncated or damaged ({error}); write it again.") from error
    labels = next((arrays.pop(name) for name in ("labels", "y") if name in arrays), np.zeros(0, np.int64))
    values = next((arrays[name] for name in ("images", "x") if name in arrays), None)
    if values is None and len(arrays) == 1:
        (values,) = arrays.values()
    if values is None or values.dtype.kind not in "iubf" or values.ndim < 2:
        raise UserError(
            f"{kind}: '{path}' does not contain an array 'images' of numbers, one sample per row (found: "
            f"{', '.join(arrays) or 'nothing'}); write it with numpy.savez(file, images=…, labels=…)."
        )
    return values, labels


def _packed(path: Path, shape):
    values, labels = _arrays(path, "IMAGES_FROM")
    given, image = values.shape[1:], len(shape) == 3
    fits = given in (tuple(shape), tuple(shape)[1:], (prod(shape),)) if image else prod(given) == prod(shape)
    if not fits or prod(given) != prod(shape):
        raise UserError(
            f"IMAGES_FROM: '{path}' contains samples of {'x'.join(map(str, given))}, but the network takes "
            f"{'x'.join(map(str, shape))}{' (channels first)' * image}; give samples of that shape."
        )
    return values.reshape(-1, *shape), _whole(labels, path)


def _rows(path: Path, last: bool, shape):
    """Rows of numbers; a first row of words is a header."""
    count = int(np.prod(shape))
    _regular(path, "IMAGES_FROM")
    try:
        with path.open(newline="") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"IMAGES_FROM: '{path}' cannot be read as CSV ({error}); give rows of numbers."
        ) from error
    if rows and not parses(float, rows[0][1][0]):
        rows = rows[1:]
    if not rows:
        raise UserError(f"IMAGES_FROM: '{path}' does not contain rows of numbers; give two or more.")
    for number, row in rows:
        if len(row) != count + last:
            label = " and a label" if last else ""
            hint = "; if the last column is the label, give LABELS=last" if len(row) == count + 1 else ""
            raise UserError(
                f"IMAGES_FROM: line {number} of '{path}' has {len(row)} columns, but the network takes "
                f"{count} numbers{label}{hint}."
            )
        for cell in row:
            if not parses(float, cell):
                raise UserError(
                    f"IMAGES_FROM: '{cell}' in line {number} of '{path}' is not a number; give numbers only."
                )
    table = np.array([[float(cell) for cell in row] for _, row in rows]).reshape(len(rows), -1)
    labels = _whole(table[:, -1], path) if last else np.zeros(0, np.int64)
    values = table[:, :-1] if last else table
    if all(cell.strip().lstrip("+-").isdigit() for _, row in rows for cell in row[:count]):
        values = values.astype(np.int64)
    return values.reshape(len(rows), *shape), labels


def _whole(labels: np.ndarray, path: Path) -> np.ndarray:
    """Labels as whole numbers."""
    if (
        labels.dtype.kind not in "iubf"
        or labels.ndim not in (1, 3)
        or not (abs(labels.astype(np.float64)) <= LARGEST).all()  # which excludes NaN
        or (labels != np.rint(labels)).any()
    ):
        raise UserError(
            f"LABELS: '{path}' must contain whole numbers, one per image or one per cell (N, H, W); give 0, "
            "1, 2 … and -1 where the label is unknown."
        )
    return labels.astype(np.int64)


def _by_name(pairs: list[list[str]], path: Path, order: list[str] | None) -> list[str]:
    """The labels of lines name,label, in the order of the pictures."""
    named = dict(pairs)
    if order is None:
        raise UserError(
            f"LABELS: '{path}' labels files by name, but IMAGES_FROM is not a folder; give a label per line."
        )
    if lost := [name for name in order if name not in named]:
        raise UserError(
            f"LABELS: '{path}' lacks a line for '{lost[0]}'; give a line name,label for every picture."
        )
    if two := [name for name, label in pairs if named[name] != label]:
        raise UserError(f"LABELS: '{path}' gives '{two[0]}' two labels; give it one.")
    return [named[name] for name in order]


def _labels(path: Path, order: list[str] | None) -> np.ndarray:
    """Labels of a file of their own."""
    _regular(path, "LABELS")
    if path.suffix.lower() in (".npy", ".npz"):
        try:
            labels = next(iter(_stored(path).values()), np.zeros(0, np.int64))
        except Exception as error:  # zipfile has errors of its own
            raise UserError(
                f"LABELS: '{path}' cannot be read ({error}); write it with numpy.save."
            ) from error
        return _whole(labels, path)
    try:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"LABELS: '{path}' cannot be read ({error}); give a whole number per line."
        ) from error
    if lines and all("," in line for line in lines):
        lines = _by_name([line.rsplit(",", 1) for line in lines], path, order)
    for line in lines:
        if not whole_number(line.strip().removeprefix("-")):
            raise UserError(f"LABELS: '{line}' in '{path}' is not a whole number; give 0, 1, 2 …")
    return _whole(np.array([int(line) for line in lines], np.int64), path)
