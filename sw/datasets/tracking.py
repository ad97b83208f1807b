"""Sequences with an object and its box in every frame, in four layouts, told apart by the annotation file.

    layout    frames                  boxes
    packed    img/*.jpg               groundtruth_xywh.csv: x, y, width, height; the first pixel is 0
    OTB       img/*.jpg               groundtruth_rect.txt: the same; the first pixel is 1
    GOT-10k   *.jpg                   groundtruth.txt: 4 numbers, taken as they are; cover.label, 0 if hidden
    VOT       *.jpg or color/*.jpg    groundtruth.txt: 8 numbers; the upright box around four corners

OTB: Wu, Lim, Yang, TPAMI 2015. GOT-10k: Huang, Zhao, Huang, TPAMI 2021. VOT: Kristan et al., 2015. A line of
"nan" is a frame without the object.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from xnorforge.core.errors import UserError, shortened, unknown
from xnorforge.sw import records

SOURCE = "http://cvlab.hanyang.ac.kr/tracker_benchmark/ or http://got-10k.aitestunion.com/"
SPLITS = {
    "train": ("DragonBaby", "Diving", "MotorRolling", "ball1"),
    "test": ("Crossing", "David", "Skiing", "bag"),
}
# Frames that OTB's boxes belong to, where these are not all that its folder has.
OTB_FRAMES = {
    "David": (299, 770), "Football1": (0, 74), "Freeman3": (0, 460), "Freeman4": (0, 283),
    "Diving": (0, 215),
}  # fmt: skip


def clips(split: str) -> records.Split:
    """Return the sequences of "train" or "test".

    Where the folder has a file test.txt, its words are the sequences to test, and all others train. Without
    it the split is our own, four sequences each: six are of OTB, two of VOT 2015.

    Raises:
        Absent: no folder tracking/ in XNORFORGE_DATA.
        UserError: see `clip`, or a sequence is missing.
    """
    if split not in SPLITS:
        raise unknown("tracking", split, SPLITS)
    folder = records.located("tracking", ("tracking",), SOURCE)
    if (listed := folder / "test.txt").exists():
        tested = records.read_text(listed).split()
        if split == "test":
            return _split([clip(folder / name) for name in tested])
        return _split([each for each in sequences(folder).items if each.name not in tested])
    if absent := [name for name in SPLITS[split] if not (folder / name).is_dir()]:
        raise records.incomplete(folder, f"sequence {absent[0]}")
    return _split([clip(folder / name) for name in SPLITS[split]])


def sequences(folder: Path) -> records.Split:
    """Return all sequences of a folder, each in its own folder, in the order of list.txt or of their
    names.

    Raises:
        UserError: there are none, or see `clip`.
    """
    listed = folder / "list.txt"
    names = (
        records.read_text(listed).split()
        if listed.exists()
        else sorted(path.name for path in folder.glob("*/"))
    )
    found = [folder / name for name in names if listed.exists() or annotation(folder / name)]
    if not found:
        raise records.incomplete(folder, "sequence")
    return _split([clip(path) for path in found])


def clip(folder: Path) -> records.Clip:
    """Return one sequence.

    Raises:
        UserError: no annotation or frames, more or fewer boxes than frames, a line that is not a box, or a
            box outside its frame.
    """
    path = annotation(folder)
    if path is None:
        raise records.incomplete(folder, "groundtruth_xywh.csv, groundtruth_rect.txt or groundtruth.txt")
    found = ((folder / place).glob("*") for place in ("img", "color", "."))
    pictures = (in_order(path for path in paths if path.suffix in (".jpg", ".png")) for paths in found)
    frames = next(filter(None, pictures), [])
    if not frames:
        raise records.incomplete(folder, "frame (*.jpg)")
    boxes = _boxes(path)
    if path.name == "groundtruth_rect.txt":
        boxes -= 1
        if len(frames) != len(boxes) and folder.name in OTB_FRAMES:
            frames = frames[slice(*OTB_FRAMES[folder.name])]
    if len(frames) != len(boxes):
        raise UserError(
            f"{path}: has {len(boxes)} boxes for {len(frames)} frames, but a sequence needs one box per "
            "frame; correct the file or unpack the data set again."
        )
    visible = _visible(folder, len(frames)) & ~np.isnan(boxes).any(1)
    size = records.size_of(frames[0])
    records.boxes_in(np.where(visible[:, None], boxes, [0, 0, *size]), size, str(path), partly=True)
    return records.Clip(folder.name, frames, size, boxes, visible)


def annotation(folder: Path) -> Path | None:
    """Return the file with a sequence's boxes, if there is one."""
    names = "groundtruth_xywh.csv", "groundtruth_rect.txt", "groundtruth.txt"
    return next((folder / name for name in names if (folder / name).exists()), None)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Sort by name, where digits count as numbers: 9 before 10."""
    return sorted(
        paths,
        key=lambda path: [int(word) if word.isdecimal() else word for word in re.split(r"(\d+)", path.name)],
    )


def _boxes(path: Path) -> np.ndarray:
    """Return (T, 4): corners, for either form of the lines."""
    try:
        lines = [
            line.replace(",", " ").split() for line in records.read_text(path).splitlines() if line.strip()
        ]
        rows = np.array(lines, float)
        if rows.ndim != 2 or rows.shape[1] not in (4, 8) or np.isinf(rows).any():
            raise ValueError
    except ValueError as error:
        raise records.unreadable(path, "must have 4 or 8 numbers on every line") from error
    if rows.shape[1] == 4:
        return np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:]])
    corners = rows.reshape(-1, 4, 2)
    return np.hstack([corners.min(1), corners.max(1)])


def _visible(folder: Path, count: int) -> np.ndarray:
    path = folder / "cover.label"
    if not path.exists():
        return np.ones(count, bool)
    try:
        cover = np.array(records.read_text(path).split(), float)
    except ValueError as error:
        raise records.unreadable(path, "must have a number on every line") from error
    if len(cover) != count:
        raise records.unreadable(path, f"has {len(cover)} lines for {count} frames, but needs one per frame")
    return cover > 0


def _split(items: list[records.Clip]) -> records.Split:
    count, names = sum(len(item.frames) for item in items), shortened([item.name for item in items], 8)
    return records.Split(items, ("object",), f"{len(items)} real sequences with {count:,} frames: {names}")
