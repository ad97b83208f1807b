"""COCO: 80 classes of objects with boxes (T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV
2014).

The whole data set in COCO's own layout, or COCO128: 128 + 128 pictures with boxes in YOLO's text files. The
latter is enough to see that a detector learns, but not how well it detects.
"""

import json
from pathlib import Path

import numpy as np

from xnorforge.core.errors import unknown
from xnorforge.sw.datasets._records import (
    Scene,
    Split,
    boxes_in,
    incomplete,
    located,
    read_text,
    size_of,
    unreadable,
)

SOURCE = "https://cocodataset.org/#download"
SOURCE_128 = "https://github.com/lightly-ai/coco128_yolo"
_NAMES = """person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire
hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear,
zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard, sports
ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle, wine
glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot, hot
dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
vase, scissors, teddy bear, hair drier, toothbrush"""
CLASSES = tuple(_NAMES.replace("\n", " ").split(", "))  # in the order of their ids


def scenes(split: str) -> Split:
    """COCO itself: `coco/annotations/instances_<split>.json` and `coco/<split>/*.jpg`, for example
    "val2017".

    Crowds are boxes to ignore. Boxes without area, of which train2017 has two, are skipped; `what` counts
    them.

    Raises:
        Absent: no folder coco/ in XNORFORGE_DATA.
        UserError: the annotation cannot be read, or has a box outside its picture.
    """
    folder = located("COCO", ("coco", "COCO"), SOURCE)
    path = folder / "annotations" / f"instances_{split}.json"
    if not path.exists():
        raise unknown(
            f"{folder}/annotations", split, (p.stem[10:] for p in path.parent.glob("instances_*.json"))
        )
    pictures = folder / split if (folder / split).is_dir() else folder / "images" / split
    try:
        known = json.loads(read_text(path))
        names = {one["id"]: one["name"] for one in known["categories"]}
        label = {number: k for k, number in enumerate(sorted(names))}  # ids have gaps: 80 classes, 1 to 90
        rows: dict[int, list] = {one["id"]: [] for one in known["images"]}
        flat = 0
        for one in known["annotations"]:
            x, y, width, height = one["bbox"]
            row = [x, y, x + width, y + height, label[one["category_id"]], one.get("iscrowd", 0), one["area"]]
            if width > 0 and height > 0:
                rows[one["image_id"]].append(row)
            else:
                flat += 1
        items = [
            _scene(
                pictures / one["file_name"],
                (one["width"], one["height"]),
                rows[one["id"]],
                f"{path}, {one['file_name']}",
            )
            for one in known["images"]
        ]
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise unreadable(path, f"does not have COCO's layout ({type(error).__name__}: {error})") from error
    left_out = f", {flat} boxes without area skipped" if flat else ""
    classes = tuple(names[number] for number in sorted(names))
    return Split(
        items, classes, f"COCO {split}: {len(items):,} real pictures, {_count(items):,} boxes{left_out}"
    )


def scenes_128(split: str) -> Split:
    """COCO128: "train2017" or "val2017", with images and labels in folders of these names and classes in
    classes.json.

    Raises:
        Absent: no folder coco128/ in XNORFORGE_DATA.
        UserError: a line is not a box, a class is unknown, or a box is outside its picture.
    """
    folder = located("COCO128", ("coco128",), SOURCE_128)
    places = (
        (folder / split / "images", folder / split / "labels"),
        (folder / "images" / split, folder / "labels" / split),
    )
    pictures, labels = next((pair for pair in places if pair[0].is_dir()), places[0])
    files = sorted(pictures.glob("*.jpg"))
    if not files:
        raise incomplete(folder, f"pictures {split}/images/*.jpg")
    try:
        classes = tuple(json.loads(read_text(folder / "classes.json")))
    except json.JSONDecodeError as error:
        raise unreadable(folder / "classes.json", "is not a list of class names") from error
    items = [_labelled(path, labels / f"{path.stem}.txt", len(classes)) for path in files]
    return Split(items, classes, f"COCO128 {split}: {len(items)} real pictures, {_count(items):,} boxes")


def _labelled(picture: Path, path: Path, classes: int) -> Scene:
    """Read lines of class, centre x and y, width, height, relative to the picture; there is no file if there
    is no object.
    """
    size = size_of(picture)
    rows = []
    for number, line in enumerate(read_text(path).splitlines() if path.exists() else (), 1):
        try:
            label, x, y, width, height = (float(value) for value in line.split())
            if label not in range(classes):
                raise ValueError
        except ValueError as error:
            where = f"line {number} must be a class below {classes} and four numbers, got '{line}'"
            raise unreadable(path, where) from error
        box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2]) * np.tile(size, 2)
        rows.append([*box, label, 0, (box[2] - box[0]) * (box[3] - box[1])])
    return _scene(picture, size, rows, str(path))


def _scene(picture: Path, size: tuple[int, int], rows: list, where: str) -> Scene:
    """A scene from rows x0, y0, x1, y1, label, crowd, area."""
    table = np.array(rows, float).reshape(-1, 7)
    boxes, labels = boxes_in(table[:, :4], size, where), table[:, 4].astype(np.int64)
    return Scene(picture.stem, picture, size, boxes, labels, table[:, 5] > 0, table[:, 6])


def _count(items: list[Scene]) -> int:
    return sum(len(item.boxes) for item in items)
