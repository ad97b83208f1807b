"""Tiny sets in their publishers' layouts: pictures of one colour, so that a test knows which file it sees."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from xnorforge.sw.datasets.base import Absent


def real(reader, *given):
    """What a reader finds of a whole set, where somebody has it."""
    if not os.environ.get("XNORFORGE_DATA"):
        pytest.skip("XNORFORGE_DATA is not set, so there are no real sets to read")
    try:
        return reader(*given)
    except Absent as error:
        pytest.skip(str(error))


def picture(path, size=(40, 30), grey=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey,) * 3).save(path)


def numbers(path, values, mode="L"):
    """A picture of labels: `values` is (H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).convert(mode).save(path)


def write(path, content: str):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


PENN = """# Compatible with PASCAL Annotation Version 1.00
Image filename : "PennFudanPed/PNGImages/{name}.png"
Image size (X x Y x C) : 40 x 30 x 3
Objects with ground truth : 1 {{ "PASpersonWalking" }}
Bounding box for object 1 "PASpersonWalking" (Xmin, Ymin) - (Xmax, Ymax) : (3, 5) - (10, {bottom})
"""


def penn_published(root, count=36, bottom=30):
    for k in range(count):
        name = f"PennPed{k:05}"
        write(root / "PennFudanPed/Annotation" / f"{name}.txt", PENN.format(name=name, bottom=bottom))
        picture(root / "PennFudanPed/PNGImages" / f"{name}.png", grey=k)
        numbers(root / "PennFudanPed/PedMasks" / f"{name}_mask.png", np.eye(30, 40))


def penn_packed(root, count=36, corners=(3, 5, 10, 30)):
    for k in range(count):
        picture(root / f"penn_fudan/images/PennPed{k:05}.jpg", grey=k)
        numbers(root / f"penn_fudan/masks/PennPed{k:05}.png", np.eye(30, 40))
    known = {"width": 40, "height": 30, "boxes_xyxy_1based": [list(corners)]}
    given = {f"PennPed{k:05}": known for k in reversed(range(count))}
    write(root / "penn_fudan/annotations.json", json.dumps(given))


def camvid_published(root, labels=((0, 11), (3, 10))):
    for split in ("train", "val", "test"):
        for name in "ab":
            picture(root / "CamVid" / split / f"{name}.png", (2, 2), ord(name))
            numbers(root / "CamVid" / f"{split}annot" / f"{name}.png", labels)


def camvid_packed(root, labels=((0, 11), (3, 10))):
    for name in "ab":
        picture(root / "camvid/test/images" / f"{name}.jpg", (2, 2), ord(name))
        numbers(root / "camvid/test/labels" / f"{name}.png", labels)


def sequence(folder, annotation, lines, frames=3, place="img", size=(40, 30)):
    for k in range(frames):
        picture(folder / place / f"{k + 1:08}.jpg", size, grey=20 * k)
    write(folder / annotation, "\n".join(lines) + "\n")
    return folder


VOC_OBJECT = """<object><name>{}</name><difficult>{}</difficult>
<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""


def voc(root, *objects, place="VOCdevkit/VOC2007"):
    """Two pictures of 40 x 30, the second without an object; objects: class, difficult and four corners."""
    folder, size = root / place, "<size><width>40</width><height>30</height></size>"
    write(folder / "ImageSets/Main/trainval.txt", "000005\n000007 -1\n")
    for name, found in (("000005", objects), ("000007", ())):
        picture(folder / f"JPEGImages/{name}.jpg")
        rows = "".join(VOC_OBJECT.format(*one) for one in found)
        write(folder / f"Annotations/{name}.xml", f"<annotation>{size}{rows}</annotation>")


def coco128(root, line="1 0.5 0.5 0.25 0.2", layout="{split}/{kind}"):
    for name in ("000000000009", "000000000025"):
        picture(root / "coco128" / layout.format(split="train2017", kind="images") / f"{name}.jpg")
    labels = layout.format(split="train2017", kind="labels")
    write(root / "coco128" / labels / "000000000009.txt", line + "\n")
    write(root / "coco128/classes.json", '["person", "bicycle"]')
