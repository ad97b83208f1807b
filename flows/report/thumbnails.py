"""Pictures embedded in the page, small enough for one file."""

from base64 import b64encode
from io import BytesIO
from pathlib import Path

import numpy as np

from xnorforge.core.types import Record

TOGETHER = 110_000  # bytes of all example pictures of a page
SHOWN = 16  # wrong images, the first ones by their place in the set


def examples(rows: list[Record], acc: Path) -> dict[str, str]:
    """{file: its JPEG picture in base64}, each as it lies in the folder if it is small, else at a smaller
    size.

    Args:
        rows: `examples` of report.json.
        acc: folder that `file` counts from.
    """
    names = [row[name] for row in rows for name in ("file", "true") if row[name]]
    most = TOGETHER // max(len(names), 1)
    return {name: b64encode(_small((acc / name).read_bytes(), most)).decode() for name in names}


def _small(data: bytes, most: int) -> bytes:
    from PIL import Image

    width = 640
    while len(data) > most and width >= 80:
        picture = Image.open(BytesIO(data)).convert("RGB")
        picture.thumbnail((width, width))
        file = BytesIO()
        picture.save(file, "jpeg", quality=80, optimize=True)
        data, width = file.getvalue(), width * 4 // 5
    return data


def wrong_images(confusion: Record | None, golden: Path) -> list[Record]:
    """The first images that the network gets wrong as PNG in base64: {"row", "png"}; none where an image is
    no picture of one or three channels.

    Args:
        confusion: of report.json.
        golden: golden.npz with `images` (N, C, H, W).
    """
    from PIL import Image

    rows = confusion["wrong"][:SHOWN] if confusion else []
    if not rows or not golden.exists():
        return []
    with np.load(golden) as given:
        images = given["images"]
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[1] not in (1, 3):
        return []
    found = []
    for row in rows:
        pixels = np.ascontiguousarray(images[row["image"]].transpose(1, 2, 0))
        file = BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "png", optimize=True)
        found.append({"row": row, "png": b64encode(file.getvalue()).decode()})
    return found
