"""Penn-Fudan pedestrians: 170 street pictures with 423 persons.

L. Wang, J. Shi, G. Song, I. Shen, "Object Detection Combining Recognition and Segmentation", ACCV 2007. It
has no official split: the last 34 pictures by name, PennPed00063 to PennPed00096, are the test set. Persons
that are small or half hidden are not annotated; a detector that finds them gets false alarms.
"""

import json
import re
from pathlib import Path

import numpy as np

from xnorforge.core.errors import unknown
from xnorforge.sw.records import Scene, Split, boxes_in, incomplete, located, read_text, unreadable

SOURCE = "https://www.cis.upenn.edu/~jshi/ped_html/"
TEST = 34
_WORDS = {
    "train": "all but the last {} pictures by name of Penn-Fudan",
    "test": "the last {} pictures by name of Penn-Fudan",
}


def scenes(split: str) -> Split:
    """Return the pictures of "train" or "test", sorted by name.

    Raises:
        Absent: not in XNORFORGE_DATA.
        UserError: an annotation cannot be read, or has a box outside its picture.
    """
    if split not in _WORDS:
        raise unknown("penn_fudan", split, _WORDS)
    folder = located("Penn-Fudan", ("penn_fudan", "PennFudanPed"), SOURCE)
    paths = sorted((folder / "Annotation").glob("*.txt"))  # with PNGImages and PedMasks as downloaded
    apart = (folder / "Annotation").is_dir()
    found = [_annotated(folder, path) for path in paths] if apart else _packed(folder)
    items = found[-TEST:] if split == "test" else found[:-TEST]
    if not items:
        raise incomplete(folder, "annotation" if not found else f"more than {TEST} annotations")
    persons = sum(len(item.boxes) for item in items)
    words = _WORDS[split].format(min(TEST, len(found)))
    return Split(items, ("person",), f"{words}: {len(items)} real pictures with {persons} persons")


def _annotated(folder: Path, path: Path) -> Scene:
    content = read_text(path)
    size = re.search(r"\(X x Y x C\) : (\d+) x (\d+)", content)
    corners = re.findall(r"\(Xmax, Ymax\) : \((\d+), (\d+)\) - \((\d+), (\d+)\)", content)
    if not size:
        raise unreadable(path, "states no picture size, so it is not an annotation of Penn-Fudan")
    picture = folder / "PNGImages" / f"{path.stem}.png"
    return _scene(picture, folder / "PedMasks" / f"{path.stem}_mask.png", size.groups(), corners, str(path))


def _packed(folder: Path) -> list[Scene]:
    """images/*.jpg, masks/*.png, and all boxes in annotations.json."""
    path = folder / "annotations.json"
    try:
        return [
            _scene(
                folder / "images" / f"{name}.jpg", folder / "masks" / f"{name}.png",
                (one["width"], one["height"]), one["boxes_xyxy_1based"], f"{path}, {name}",
            )
            for name, one in sorted(json.loads(read_text(path)).items())
        ]  # fmt: skip
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise unreadable(
            path, f"does not have the layout of docs/guide/tasks.md ({type(error).__name__}: {error})"
        ) from error


def _scene(picture: Path, masks: Path, size, corners, where: str) -> Scene:
    """The published corners count pixels from 1 and are inside the box."""
    size = int(size[0]), int(size[1])
    boxes = np.array(corners, float).reshape(-1, 4) - [1, 1, 0, 0]
    boxes = boxes_in(boxes, size, where)
    labels, ignore = np.zeros(len(boxes), np.int64), np.zeros(len(boxes), bool)
    return Scene(picture.stem, picture, size, boxes, labels, ignore, masks=masks)
