"""tools/cifar10_jpeg.py: pictures by class become the file in the published order, or a sentence says
why not.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnorforge.sw.datasets import base, cifar10

from .documents import tool
from .refusals import says

tool = tool("cifar10_jpeg")

ORDER = {"train": [9, 0, 9, 3, 0], "test": [2, 2, 5]}
PICTURES = {  # in that order, by hand: picture k of a class
    "train": ["truck/0000", "airplane/0000", "truck/0001", "cat/0000", "airplane/0001"],
    "test": ["bird/0000", "bird/0001", "dog/0000"],
}


def jpeg(value: int) -> bytes:
    found = BytesIO()
    Image.new("RGB", (32, 32), (value, 7 * value % 256, 9)).save(found, "JPEG")
    return found.getvalue()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of eight pictures, and the hashes of these instead of the published ones."""
    streams = {split: [jpeg(10 * at + len(split)) for at in range(len(PICTURES[split]))] for split in ORDER}
    for split, names in PICTURES.items():
        for name, stream in zip(names, streams[split]):
            path = tmp_path / "checkout" / split / f"{name}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stream)
        labels = np.array(ORDER[split], np.uint8)
        offsets = np.cumsum([0, *map(len, streams[split])]).astype(np.uint32)
        content = tool.hashlib.sha256(b"".join(streams[split]) + offsets.tobytes() + labels.tobytes())
        monkeypatch.setitem(tool.CONTENT, split, content.hexdigest())
        monkeypatch.setitem(tool.LABELS, split, tool.hashlib.sha256(labels.tobytes()).hexdigest())
    np.save(tmp_path / "train.npy", np.array(ORDER["train"]))
    (tmp_path / "test.txt").write_text("2, 2, 5\n")
    return tmp_path / "checkout"


def words(checkout: Path) -> list[str]:
    there = checkout.parent
    names = ("checkout", "data/cifar10", "train.npy", "test.txt")
    return [str(there / name) for name in names]


def test_the_files_are_what_the_data_set_reads_and_other_sums_stay(checkout, monkeypatch):
    out = checkout.parent / "data/cifar10"
    out.mkdir(parents=True)
    (out / "SHA256SUMS").write_text("abc  other.png\n")
    assert tool.main(words(checkout)) == 0
    assert "abc  other.png" in (out / "SHA256SUMS").read_text()
    monkeypatch.setenv("XNORFORGE_DATA", str(out.parent))
    for split, names in PICTURES.items():
        images, labels, pixels = cifar10.images(split, "jpeg")
        wanted = [np.asarray(Image.open(checkout / split / f"{name}.jpg")) for name in names]
        assert pixels == "jpeg" and labels.tolist() == ORDER[split]
        np.testing.assert_array_equal(images.transpose(0, 2, 3, 1), np.stack(wanted))


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def other(path):
    path.write_bytes(jpeg(255))


def wide(path):
    Image.new("RGB", (33, 32)).save(path)


@pytest.mark.parametrize(
    ("damage", "facts"),
    [
        (Path.unlink, "truck/0001.jpg: … does not exist … check out"),
        (cut, "truck/0001.jpg: … check out"),
        (wide, "truck/0001.jpg: … 33x32 pixels … check out"),
        (other, "train: … SHA-256 … check out"),
    ],
)
def test_a_damaged_or_missing_picture_is_refused_and_nothing_is_written(checkout, capsys, damage, facts):
    damage(checkout / "train/truck/0001.jpg")
    assert tool.main(words(checkout)) == 2
    says(capsys.readouterr().err.rstrip("\n"), facts)
    assert not (checkout.parent / "data").exists()


@pytest.mark.parametrize("text", ["2 2 6", "2 x", None])
def test_other_labels_are_refused(checkout, capsys, text):
    file = checkout.parent / "test.txt"
    file.unlink() if text is None else file.write_text(text)
    assert tool.main(words(checkout)) == 2
    says(capsys.readouterr().err.rstrip("\n"), "test.txt: … labels … give")


@pytest.mark.full
def test_a_checkout_of_the_real_pictures_gives_the_same_content(tmp_path):
    """Rebuilt from the finished files, where they are found."""
    folder = base.folder_of("cifar10")
    if folder is None or not (folder / "cifar10_train_jpeg.npz").exists():
        pytest.skip("the JPEG copies are not in XNORFORGE_DATA")
    files = {split: folder / f"cifar10_{split}_jpeg.npz" for split in ("train", "test")}
    for split, path in files.items():
        with np.load(path) as stored:
            jpegs, at, labels = stored["jpeg"].tobytes(), stored["offsets"], stored["labels"]
        for label, name in enumerate(tool.CLASSES):
            (tmp_path / "checkout" / split / name).mkdir(parents=True)
            for k, row in enumerate(np.flatnonzero(labels == label)):
                content = jpegs[at[row] : at[row + 1]]
                (tmp_path / "checkout" / split / name / f"{k:04}.jpg").write_bytes(content)
    given = [tmp_path / "checkout", tmp_path / "out", *files.values()]
    assert tool.main([str(one) for one in given]) == 0
    for path in files.values():
        with np.load(path) as wanted, np.load(tmp_path / "out" / path.name) as found:
            assert set(found) == set(wanted)
            assert all(found[key].tobytes() == wanted[key].tobytes() for key in wanted)
