"""PASCAL VOC: 20 classes of objects with boxes, and 21 classes of pixels (M. Everingham et al., IJCV 2010 and
2015).

Both read VOCdevkit/VOC<year>/ as it is downloaded.
"""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from xnorforge.core.errors import unknown
from xnorforge.sw.datasets._records import Scene, Segmented, Split, boxes_in, located, read_text, unreadable

SOURCE = "http://host.robots.ox.ac.uk/pascal/VOC/"
_NAMES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep "
    "sofa train tvmonitor"
)
CLASSES = tuple(_NAMES.split())


def scenes(year: int, split: str) -> Split:
    """Return pictures with boxes; `split` is a file of ImageSets/Main, for example "trainval" or "test".

    Objects marked difficult are boxes to ignore.

    Raises:
        Absent: no folder VOCdevkit/ in XNORFORGE_DATA.
        UserError: an annotation cannot be read, or has a box outside its picture.
    """
    folder, names = _listed(year, split, "Main")
    items = [_scene(folder, name) for name in names]
    boxes = sum(len(item.boxes) for item in items)
    return Split(items, CLASSES, f"VOC {year} {split}: {len(items):,} real pictures, {boxes:,} boxes")


def segmented(year: int, split: str) -> Split:
    """Pictures with a class per pixel, 0 for the background: `split` is a file of ImageSets/Segmentation.

    Raises:
        Absent, UserError: as `scenes`.
    """
    folder, names = _listed(year, split, "Segmentation")
    pictures, truths = folder / "JPEGImages", folder / "SegmentationClass"
    items = [Segmented(n, pictures / f"{n}.jpg", None, truths / f"{n}.png", len(CLASSES) + 1) for n in names]
    what = f"VOC {year} {split}: {len(items):,} real pictures, {len(CLASSES) + 1} classes of pixels"
    return Split(items, ("background", *CLASSES), what)


def _listed(year: int, split: str, kind: str) -> tuple[Path, list[str]]:
    folder = located(f"VOC {year}", (f"VOCdevkit/VOC{year}", f"VOC{year}"), SOURCE)
    path = folder / "ImageSets" / kind / f"{split}.txt"
    if not path.exists():
        raise unknown(f"{path.parent}", split, (found.stem for found in path.parent.glob("*.txt")))
    return folder, read_text(path).split()


def _scene(folder: Path, name: str) -> Scene:
    path = folder / "Annotations" / f"{name}.xml"
    try:
        root = ElementTree.fromstring(read_text(path))
        size = int(root.findtext("size/width", "")), int(root.findtext("size/height", ""))
        objects = root.findall("object")
        labels = np.array([CLASSES.index(one.findtext("name")) for one in objects], np.int64)
        ignore = np.array([one.findtext("difficult") == "1" for one in objects], bool)
        sides = "xmin", "ymin", "xmax", "ymax"
        corners = [[float(one.findtext(f"bndbox/{side}", "")) for side in sides] for one in objects]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise unreadable(path, f"does not have VOC's layout ({error})") from error
    # Corners count pixels from 1 and lie inside the box.
    boxes = boxes_in(np.array(corners, float).reshape(-1, 4) - [1, 1, 0, 0], size, str(path))
    return Scene(name, folder / "JPEGImages" / f"{name}.jpg", size, boxes, labels, ignore)
