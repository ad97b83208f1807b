"""COCO128: 128 + 128 pictures of COCO (Lin et al., ECCV 2014), boxes in YOLO's text files."""

import json
from pathlib import Path

import numpy as np

from xnorforge.sw import records

SOURCE = "https://github.com/lightly-ai/coco128_yolo"


def scenes_128(split: str) -> records.Split:
    """COCO128: "train2017" or "val2017", images and labels in folders of such names, classes in classes.json.

    Raises:
        Absent: no folder coco128/ in XNORFORGE_DATA.
        UserError: a line is not a box, a class is unknown, or a box is outside its picture.
    """
    folder = records.located("COCO128", ("coco128",), SOURCE)
    places = (
        (folder / split / "images", folder / split / "labels"),
        (folder / "images" / split, folder / "labels" / split),
    )
    pictures, labels = next((pair for pair in places if pair[0].is_dir()), places[0])
    files = sorted(pictures.glob("*.jpg"))
    if not files:
        raise records.incomplete(folder, f"pictures {split}/images/*.jpg")
    try:
        classes = tuple(json.loads(records.read_text(folder / "classes.json")))
    except json.JSONDecodeError as error:
        raise records.unreadable(folder / "classes.json", "is not a list of class names") from error
    items = [_labelled(path, labels / f"{path.stem}.txt", len(classes)) for path in files]
    boxes = sum(len(item.boxes) for item in items)
    return records.Split(items, classes, f"COCO128 {split}: {len(items)} real pictures, {boxes:,} boxes")


def _labelled(picture: Path, path: Path, classes: int) -> records.Scene:
    """Read lines of class, centre x, y, width, height, relative; no file means no object."""
    size = records.size_of(picture)
    rows = []
    for number, line in enumerate(records.read_text(path).splitlines() if path.exists() else (), 1):
        try:
            label, x, y, width, height = (float(value) for value in line.split())
            if label not in range(classes):
                raise ValueError
        except ValueError as error:
            where = f"line {number} must be a class below {classes} and four numbers, got '{line}'"
            raise records.unreadable(path, where) from error
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2]) * np.tile(size, 2)
        rows.append([*box, label])
    table = np.array(rows, float).reshape(-1, 5)
    boxes = records.boxes_in(table[:, :4], size, str(path))
    return records.Scene(
        picture.stem, picture, size, boxes, table[:, 4].astype(np.int64), np.zeros(len(table), bool)
    )
