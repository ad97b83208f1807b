"""A data set that is there and broken ends training and export with one sentence and nothing written; an
absent one is replaced by made-up pictures, and that is said."""

import re

import pytest

from xnorforge.sw.datasets import tracking

from .sw import data_sets as write


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def sequences(root, frames=3, lines=("2,3,10,5",) * 3):
    for name in (*tracking.SPLITS["train"], *tracking.SPLITS["test"]):
        write.sequence(root / "tracking" / name, "groundtruth_xywh.csv", lines, frames=frames)


def emptied(path):
    path.write_bytes(b"")


def pedestrians_without_pictures(root):
    (root / "penn_fudan").mkdir()


def pedestrians_with_an_empty_picture(root):
    write.penn_packed(root)
    for name in ("PennPed00000", "PennPed00002"):
        emptied(root / f"penn_fudan/images/{name}.jpg")


def pedestrians_of_another_size(root):
    write.penn_packed(root)
    for name in ("PennPed00000", "PennPed00002"):
        write.picture(root / f"penn_fudan/images/{name}.jpg", (50, 30))


def streets_without_labels(root):
    write.camvid_published(root)
    for split in ("train", "test"):
        (root / f"CamVid/{split}annot/a.png").unlink()


def streets_with_labels_of_another_size(root):
    write.camvid_published(root)
    for split in ("train", "test"):
        write.numbers(root / f"CamVid/{split}annot/a.png", [[0, 1, 2]])


def objects_of_an_unknown_class(root):
    write.coco128(root, "7 0.5 0.5 0.25 0.2")


BROKEN = [
    ("pedestrian-tinyped", pedestrians_without_pictures, r"penn_fudan/annotations\.json: .*"),
    ("pedestrian-tinyped", lambda root: write.penn_packed(root, corners=(3, 5, 45, 30)),
    r"PennPed00000: box 1 of 1, x 2 to 45 and y 4 to 30, .* 40 x 30 .*"),
    ("pedestrian-tinyped", pedestrians_with_an_empty_picture,
    r"PennPed0000[02]\.jpg: .* empty.*"),
    ("pedestrian-tinyped", pedestrians_of_another_size, r"PennPed0000[02]\.jpg: .*50 x 30 .*40 x 30.*"),
    ("segment-tinyseg", streets_without_labels, r"CamVid/(train|test): 'a' .*labels.*"),
    ("segment-tinyseg", streets_with_labels_of_another_size, r"a\.png: .*3 x 1 .*2 x 2.*"),
    ("segment-tinyseg", lambda root: write.camvid_published(root, ((0, 40), (3, 10))),
    r"a\.png: .*40.*"),
    ("track-tinytrk", lambda root: (root / "tracking").mkdir(), r"tracking: .*(DragonBaby|Crossing).*"),
    ("track-tinytrk", lambda root: sequences(root, frames=2),
    r"groundtruth_xywh\.csv: .*3 boxes .*2 frames.*"),
    ("track-tinytrk", lambda root: sequences(root, lines=["2,3,10,5", "2,3,10,5", "41,3,10,5"]),
    r"groundtruth_xywh\.csv: box 3 of 3, x 41 to 51 and y 3 to 8, .*40 x 30.*"),
]  # fmt: skip


def answered(code, said, tmp_path, wanted):
    assert code == 2 and [line for line in said if re.search(rf"^/.*{wanted}$", line)], said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("net", "make", "wanted"), BROKEN)
@pytest.mark.parametrize("verb", ["train", "export"])
def test_a_broken_data_set_is_one_sentence(call, perform, root, tmp_path, verb, net, make, wanted):
    make(root)
    if verb == "train":
        code, said = call(verb, net, "-o", tmp_path / "out")
    else:
        given = {"net": net, "method": "ste", "weights": None, "model": None, "scale": None}
        code, said = perform(verb, tmp_path / "out", tmp_path / "out/acc", **given)
    answered(code, said, tmp_path, wanted)


def test_objects_of_a_class_that_the_set_does_not_have(call, root, tmp_path):
    """What a tracker also trains on is looked at as well."""
    objects_of_an_unknown_class(root)
    wanted = r"000000000009\.txt: line 1 .*'7 0\.5 0\.5 0\.25 0\.2'.*"
    sequences(root)
    answered(*call("train", "track-tinytrk", "-o", tmp_path / "out"), tmp_path, wanted)


def test_a_folder_of_data_that_is_none(call, root, tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(root / "nowhere"))
    code, said = call("export", "pedestrian-tinyped", "-o", tmp_path / "out")
    assert code == 2 and said[-1].startswith(f"XNORFORGE_DATA: '{root}/nowhere' is not a folder;")
    assert not (tmp_path / "out").exists()


@pytest.mark.quick("!segment")
@pytest.mark.parametrize("task", ["pedestrian", "segment", "track"])
def test_made_up_pictures_take_the_place_of_an_absent_set(root, capsys, task):
    """And what the card and the report say of them is that they are no real data."""
    from xnorforge.core.plugins import load

    found = load("sw.tasks", task).Task().golden(2)
    said = capsys.readouterr().err
    said_of = rf"no folder .* in XNORFORGE_DATA \({re.escape(str(root))}\); unpack it there from"
    assert re.search(rf"{said_of} .* Synthetic pictures are used instead\.", said)
    assert "made-up" in found.what and "no real data" in found.what and len(found.images) == 2
