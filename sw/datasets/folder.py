"""The user's own pictures, one folder per class, in the folder that XNORFORGE_FOLDER (DATA=) names.

Every class is split by content. Its pictures are sorted by the SHA-256 of their files; the first fifth is the
test set, the next tenth is held out, the rest is for training. Names and dates have no effect, and copies of
a picture stay together. If the variable is not set, made-up shapes are used.
"""

import hashlib
import os
from bisect import bisect
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.core.progress import progress, say
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.decode.square import fitted
from xnorforge.sw.records import FORMATS, pixels

SOURCE = "the user's own folder"
VARIABLE = "XNORFORGE_FOLDER"
LEAST = 3  # one for each part: different pictures of a class
NOT_OURS = ("__MACOSX",)  # what unpacking leaves next to the classes
WORDS = {"test": "to test", "watched": "to watch the training", "training": "to train on"}
MADE_UP = {"training": (240, 1), "watched": (60, 2), "test": (100, 0)}  # drawings and their seed


@dataclass(frozen=True)
class OwnFolder:
    """The pictures of a folder.

    Attributes:
        name: name of the folder.
        classes: names of its folders, sorted; class k is the k-th.
        parts: "training", "watched" and "test", each a list of (file, class) sorted by SHA-256.
        digest: SHA-256 over classes and pictures, 16 digits; it does not depend on the names of files.
    """

    name: str
    classes: tuple[str, ...]
    parts: dict[str, list[tuple[Path, int]]]
    digest: str

    def part(self, which: str, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, str]:
        """Pictures uint8 (N, *shape), classes int64 (N,), what they are; UserError: unreadable."""
        rows = self.parts[which]
        images = np.empty((len(rows), *shape), np.uint8)
        with progress(f"{self.name}, {which}", len(rows), "pictures") as advance:
            for at, (path, _) in enumerate(rows):
                images[at] = fitted(pixels(path, upright=True), shape)
                advance()
        what = f"the {len(rows):,} pictures of {self.name} kept {WORDS[which]} (by SHA-256)"
        return images, np.array([label for _, label in rows], np.int64), what


def folder_of_pictures() -> Path | None:
    """Return the folder that the variable names; None if it is not set."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else None


def class_folders(root: Path) -> list[Path]:
    """The classes' folders by name; UserError if `root` is none, or has fewer than two."""
    if not os.path.isdir(root):  # of pathlib, a name that is too long is an error
        raise UserError(
            f"DATA: '{root}' is not a folder; give one that contains a folder of pictures per class."
        )
    try:
        inside = sorted(root.iterdir())
    except OSError as error:
        raise UserError(f"DATA: '{root}' cannot be read ({error.strerror}); make it readable.") from error
    found = [one for one in inside if one.is_dir() and one.name[0] != "." and one.name not in NOT_OURS]
    if not found:
        raise UserError(
            f"DATA: '{root}' contains no folders; put the pictures of each class into a folder of their own, "
            f"such as {root}/cat/ and {root}/dog/."
        )
    if len(found) == 1:
        raise UserError(
            f"DATA: '{root}' contains only one class, {found[0].name}, but a network needs two or more; add "
            "a second folder, for example with pictures of anything else."
        )
    return found


def read_folder(root: Path) -> OwnFolder:
    """Return the classes of a folder and the parts of its pictures; no picture is decoded yet.

    Raises:
        UserError: see `class_folders`; a class has fewer than `LEAST` different pictures, or two classes have
            the same one.
    """
    folders, owner = class_folders(root), dict[str, tuple[int, Path]]()
    parts: dict[str, list[tuple[str, Path, int]]] = defaultdict(list)
    Image.init()
    endings = {ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS}
    left_out = list[Path]()
    for label, folder in enumerate(folders):
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
        pictures = [path for path in files if path.suffix.lower() in endings]
        left_out += sorted({*files}.difference(pictures))
        copies: dict[str, list[Path]] = defaultdict(list)
        for path in pictures:
            content = _sha256(path)
            first, other = owner.setdefault(content, (label, path))
            if first != label:
                raise UserError(
                    f"DATA: '{path}' and '{other}' are the same picture in two classes; remove one of them."
                )
            copies[content].append(path)
        if len(copies) < LEAST:
            raise UserError(
                f"DATA: '{folder}' contains {len(copies)} different pictures, but a class needs {LEAST} or "
                "more, one to train on, one to watch the training and one to test; add some, or move the "
                "folder away."
            )
        test, watched = max(1, len(copies) // 5), max(1, len(copies) // 10)
        for rank, content in enumerate(sorted(copies)):
            which = ("test", "watched", "training")[bisect([test, test + watched], rank)]
            parts[which] += [(content, path, label) for path in copies[content]]
    if left_out:
        say(
            f"{root}: skipped {len(left_out):,} files whose extension is not that of a picture, such as "
            f"{left_out[0]}"
        )
    lines = sorted(f"{folders[label].name}/{content}" for content, (label, _) in owner.items())
    return OwnFolder(
        root.resolve().name,
        tuple(folder.name for folder in folders),
        {which: [(path, label) for _, path, label in sorted(rows)] for which, rows in parts.items()},
        hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16],
    )


def class_names() -> tuple[str, ...]:
    """Return the classes of the folder that the variable names, or those of the made-up shapes."""
    root = folder_of_pictures()
    return synthetic.SHAPES if root is None else tuple(one.name for one in class_folders(root))


def made_up_shapes(which: str, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, str]:
    """Return a part of the made-up set, each shape cut out of its drawing; as `OwnFolder.part`."""
    split = synthetic.shapes(*MADE_UP[which])
    cuts, labels = [], []
    for scene in split.items:
        for (x0, y0, x1, y1), label in zip(scene.boxes.astype(int), scene.labels):
            cuts.append(fitted(scene.image[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3], shape))
            labels.append(label)
    return np.stack(cuts), np.array(labels, np.int64), f"{len(cuts):,} shapes cut out of {split.what}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"DATA: '{path}' cannot be read ({error.strerror}); remove it or make it readable."
        ) from error
