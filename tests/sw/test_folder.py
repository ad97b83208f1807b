"""Pictures of the user's own: parts by content, classes by folder, and one sentence where that cannot be."""

import hashlib
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from xnorforge import __main__ as cli
from xnorforge.core.artifacts import write_json
from xnorforge.pipeline.request import Request
from xnorforge.sw import networks, zoo
from xnorforge.sw.datasets import folder
from xnorforge.sw.decode.square import fitted
from xnorforge.sw.tasks.base import task_of

from ..refusals import contains, refused

ENDINGS = [
    "png", "jpg", "webp", "bmp", "gif", "tif", "ppm", "avif", "dds", "ico", "jp2", "pcx", "qoi", "sgi", "tga",
]  # fmt: skip


def photos(root, classes=("cat", "dog", "eel"), count=20, endings=("png",)):
    """A folder of noise, a class each darker than the next; picture k is of another size than k + 1."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for k in range(count):
            noise = rng.integers(60 * number, 60 * number + 60, (40 + k % 3, 44, 3), np.uint8)
            Image.fromarray(noise).save(root / name / f"{k:02}.{endings[k % len(endings)]}")
    return root


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Such a folder, which the variable names."""
    root = photos(tmp_path / "photos")
    monkeypatch.setenv(folder.VARIABLE, str(root))
    return root


def contents(rows):
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in rows]


def test_a_fifth_of_every_class_is_kept_to_test_and_a_tenth_to_watch(own):
    found = folder.read_folder(own)
    assert found.classes == ("cat", "dog", "eel") and found.name == "photos"
    for which, count in (("test", 4), ("watched", 2), ("training", 14)):
        labels = [label for _, label in found.parts[which]]
        assert [labels.count(k) for k in range(3)] == [count] * 3
        assert contents(found.parts[which]) == sorted(contents(found.parts[which]))
    for label in range(3):  # the least digests are the test, by hand
        every = sorted(contents([(path, 0) for path in (own / found.classes[label]).iterdir()]))
        test = [row for row in found.parts["test"] if row[1] == label]
        assert contents(test) == every[:4]


def test_names_and_dates_of_files_have_no_part_in_it(own, tmp_path):
    before = folder.read_folder(own)
    for name in before.classes:
        (tmp_path / "other" / name / "deeper").mkdir(parents=True)
        for k, path in enumerate(sorted((own / name).iterdir(), reverse=True)):
            shutil.copyfile(path, tmp_path / "other" / name / "deeper" / f"IMG_{k}.PNG")
    after = folder.read_folder(tmp_path / "other")
    assert after.digest == before.digest
    assert [contents(after.parts[which]) for which in folder.WORDS] == [
        contents(before.parts[which]) for which in folder.WORDS
    ]
    next((own / "cat").iterdir()).unlink()
    assert folder.read_folder(own).digest != before.digest


def test_copies_of_a_picture_stay_together(own):
    for path in list((own / "cat").iterdir()):
        shutil.copyfile(path, path.with_name(f"copy of {path.name}"))
    parts = folder.read_folder(own).parts
    rows = {which: set(contents(parts[which])) for which in parts}
    assert len(parts["test"]) == 4 + 4 + 8
    assert not rows["test"] & rows["training"] and not rows["watched"] & rows["training"]


def test_every_format_is_read_and_turned_upright(tmp_path, monkeypatch, capsys):
    root = photos(tmp_path / "all", ("cat", "dog"), 30, ENDINGS)
    (root / "cat/notes.txt").write_text("no picture")
    (root / ".trash").mkdir()
    found = folder.read_folder(root)
    said = capsys.readouterr().err
    assert f"{root}: skipped 1 files" in said and "notes.txt" in said
    images, labels, what = found.part("training", (3, 32, 32))
    assert images.shape == (42, 3, 32, 32) and what == "the 42 pictures of all kept to train on (by SHA-256)"
    means = images.mean((1, 2, 3))
    assert means[labels == 0].max() < 45 < 75 < means[labels == 1].min()
    tall = np.zeros((64, 32, 3), np.uint8)
    tall[:32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the stored left is the top
    Image.fromarray(tall).save(root / "turned.jpg", exif=exif, quality=100)
    seen = fitted(folder.pixels(root / "turned.jpg", upright=True), (1, 4, 4))[0]
    assert (seen[:, 0] < 10).all() and (seen[:, 3] > 245).all()


@pytest.mark.parametrize("size, shape", [
    ((64, 32), (3, 4, 4)), ((32, 64), (3, 4, 4)), ((48, 16), (1, 4, 8)), ((5, 3), (3, 8, 8)),
])  # fmt: skip
def test_the_middle_of_a_picture_is_what_the_network_sees(size, shape):
    """A picture of one colour in the middle and another around it, where the proportions differ."""
    wide, tall = size
    side = min(wide / shape[2], tall / shape[1])
    left, top = int(wide - side * shape[2]) // 2, int(tall - side * shape[1]) // 2
    picture = np.full((tall, wide, 3), 255, np.uint8)
    picture[top : top + round(side * shape[1]), left : left + round(side * shape[2])] = 90
    seen = fitted(picture, shape)
    assert seen.shape == shape and seen.dtype == np.uint8 and (seen == 90).all()


def test_a_picture_of_the_inputs_size_is_taken_as_it_is():
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(fitted(picture, (3, 32, 32)), picture.transpose(2, 0, 1))


def nothing_in_it(root):
    shutil.rmtree(root)
    root.mkdir()


def pictures_without_folders(root):
    for path in list(root.rglob("*.png")):
        path.rename(root / f"{path.parent.name}{path.name}")
    for name in ("cat", "dog", "eel"):
        (root / name).rmdir()


def one_class(root):
    shutil.rmtree(root / "cat")
    shutil.rmtree(root / "eel")


def two_pictures(root):
    for path in sorted((root / "dog").iterdir())[2:]:
        path.unlink()


def two_and_a_copy(root):
    two_pictures(root)
    shutil.copyfile(root / "dog/00.png", root / "dog/zz.png")


def a_class_without_pictures(root):
    (root / "fox").mkdir()
    (root / "fox/list.txt").write_text("none yet")


def cut_short(root):
    for path in root.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:200])


def two_labels(root):
    shutil.copyfile(root / "cat/03.png", root / "eel/cat.png")


EACH_CLASS = "{root}/cat/ and {root}/dog/"


@pytest.mark.parametrize("spoil, answer", [
    (shutil.rmtree, ["DATA: '{root}' ", "not a folder", "folder of pictures per class"]),
    (nothing_in_it, ["DATA: '{root}' ", "no folders", EACH_CLASS]),
    (pictures_without_folders, ["DATA: '{root}' ", "no folders", EACH_CLASS]),
    (one_class, ["DATA: '{root}' ", "one class, dog", "second folder"]),
    (two_pictures, ["DATA: '{root}/dog' ", " 2 different pictures", "3 or more"]),
    (two_and_a_copy, ["DATA: '{root}/dog' ", " 2 different pictures", "3 or more"]),
    (a_class_without_pictures, ["DATA: '{root}/fox' ", " 0 different pictures", "3 or more"]),
    (two_labels, ["DATA: '{root}/eel/cat.png' ", "'{root}/cat/03.png'", "remove one"]),
    (cut_short, ["{root}/", ".png: ", "(it is truncated", "download"]),
])  # fmt: skip
def test_no_folder_of_classes_is_told_and_leaves_nothing(own, tmp_path, monkeypatch, capsys, spoil, answer):
    spoil(own)
    words = ["train", "--task", "folder", "--data", str(own), "-o", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["xnorforge", *words])
    assert cli.main() == 2
    said = capsys.readouterr().err.splitlines()[-1]
    first, *others = (part.format(root=own) for part in answer)
    assert contains(said, *others).startswith(first)
    assert not (tmp_path / "out").exists()


GIVE = ["DATA: ", "folder-small", "DATA=photos/"]


@pytest.mark.parametrize("words, answer", [
    (["train", "--task", "folder"], GIVE), (["build", "--task", "folder"], GIVE),
    (["train-float", "folder-small"], GIVE),
    (["build", "--task", "mnist", "--data", "photos"], ["DATA: ", "mnist-cnn", "folder"]),
    (["compare", "mnist-tfc", "--data", "photos"], ["DATA: ", "mnist-tfc", "folder"]),
])  # fmt: skip
def test_a_folder_belongs_to_the_task_that_takes_one(here, tmp_path, monkeypatch, capsys, words, answer):
    monkeypatch.setattr(sys, "argv", ["xnorforge", *words])
    assert cli.main() == 2
    contains(capsys.readouterr().err.splitlines()[-1], *answer)
    assert not (tmp_path / "out").exists()


def test_the_network_has_a_score_per_class_and_lies_in_a_folder_named_as_the_pictures(own, monkeypatch):
    import torch

    task = task_of("folder-small")
    assert networks.build("folder-small").eval()(torch.zeros(1, *task.shape)).shape == (1, 3)
    assert task.names("") == ("cat", "dog", "eel")
    asked = Request(net="folder-small", data=str(own.parent / "my photos (new)/"))
    assert str(asked.acc) == "out/folder-small-my_photos_new/rtl-pynq-z2"
    monkeypatch.delenv(folder.VARIABLE)
    assert "made-up" in task_of("folder-small").golden(3).what


def test_a_build_trains_first_where_there_are_no_weights(own, here, tmp_path, monkeypatch, capsys):

    def stages(*more):
        words = ["build", "--task", "folder", "--data", str(own), "--until", "fold", "--dry-run", *more]
        monkeypatch.setattr(sys, "argv", ["xnorforge", *words])
        assert cli.main() == 0
        return [line.split()[0] for line in capsys.readouterr().out.splitlines()]

    assert stages() == ["train", "export", "lower", "fold"]
    run = tmp_path / "out/folder-small-photos/train"
    run.mkdir(parents=True)
    write_json(run / "card.json", {"data": {"trained_on": "photos"}})
    (run / "weights.safetensors").touch()
    assert stages() == stages("--weights", str(run)) == ["export", "lower", "fold"]


def test_weights_of_other_pictures_are_not_taken(own, tmp_path):
    from xnorforge.sw.training import train

    run = tmp_path / "run"
    card = train.train("folder-small", "ste", run, epochs=1, recipe="ours,passes=1,batch=16")
    assert card["data"]["classes"] == ["cat", "dog", "eel"]
    assert card["data"]["trained_on"] == "the 42 pictures of photos kept to train on (by SHA-256)"
    assert f"--data {own}" in card["command"] and " -o " not in card["command"]
    _, known = zoo.load("folder-small", "ste", run)
    assert known["class_names"] == ["cat", "dog", "eel"] and known["task"] is None
    (own / "eel").rename(own / "fox")
    refused(lambda: zoo.load("folder-small", "ste", run), f"{run}: ", "other pictures or classes", "DATA")
    refused(
        lambda: train.train("folder-small", "ste", run, epochs=1, recipe="ours,passes=1,batch=16"),
        "checkpoint.pt: ", f"pictures {card['pictures']}", "another folder",
    )  # fmt: skip
    (own / "fox").rename(own / "eel")
    write_json(run / "card.json", card | {"data": card["data"] | {"classes": ["a", "b", "c"]}})
    refused(lambda: zoo.load("folder-small", "ste", run), "other pictures or classes")
