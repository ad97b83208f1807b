"""PASCAL VOC (M. Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010), and
pictures that were labelled in its layout: boxes in an XML file per picture.
"""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from xnorforge.sw import records

SOURCE = "http://host.robots.ox.ac.uk/pascal/VOC/"
PLACES = tuple(f"{parent}VOC{year}" for year in (2012, 2007) for parent in ("VOCdevkit/", ""))
CORNERS = "xmin", "ymin", "xmax", "ymax"


def scenes(split: str) -> records.Split:
    """The pictures that ImageSets/Main/`split`.txt lists, such as "trainval". Classes are the names that
    occur, in alphabetical order; objects that are marked as difficult are ignored, as in the challenge.

    Raises:
        Absent: no folder VOC2012/ or VOC2007/, or VOCdevkit/ with one, in XNORFORGE_DATA.
        UserError: the list or an annotation is missing or cannot be read, or a box is outside its picture.
    """
    folder = records.located("PASCAL VOC", PLACES, SOURCE)
    listed = folder / "ImageSets/Main" / f"{split}.txt"
    names = [line.split()[0] for line in records.read_text(listed).splitlines() if line.split()]
    read = [_annotated(folder, name) for name in names]
    classes = tuple(sorted({label for _, labels in read for label in labels}))
    items = [
        replace(scene, labels=np.array([classes.index(label) for label in labels], np.int64))
        for scene, labels in read
    ]
    boxes = sum(len(item.boxes) for item in items)
    return records.Split(
        items, classes, f"{split} of {folder.name}: {len(items)} real pictures, {boxes:,} boxes"
    )


def _annotated(folder: Path, name: str) -> tuple[records.Scene, list[str]]:
    """A picture with boxes, and the names of their classes. Corners count pixels from 1 and are inside the
    box."""
    path, picture = folder / "Annotations" / f"{name}.xml", folder / "JPEGImages" / f"{name}.jpg"
    try:
        tree = ElementTree.fromstring(records.read_text(path))
        width, height = (int(tree.findtext(f"size/{side}", "")) for side in ("width", "height"))
        objects = tree.findall("object")
        corners = [[float(one.findtext(f"bndbox/{at}", "")) for at in CORNERS] for one in objects]
    except (ElementTree.ParseError, ValueError) as error:
        raise records.unreadable(path, f"is not an annotation in VOC's layout ({error})") from error
    boxes = np.array(corners).reshape(-1, 4) - [1, 1, 0, 0]
    boxes = records.boxes_in(boxes, (width, height), str(path))
    difficult = np.array([one.findtext("difficult", "0").strip() == "1" for one in objects], bool)
    scene = records.Scene(name, picture, (width, height), boxes, np.zeros(len(boxes), np.int64), difficult)
    return scene, [one.findtext("name", "").strip() for one in objects]
