"""Fashion-MNIST as Debian packs it, and what is said where it is not there or damaged."""

import gzip
from hashlib import md5

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import fashion
from xnorforge.sw.tasks.base import task_of

HERE = pytest.mark.skipif(not fashion.DEBIAN.is_dir(), reason="dataset-fashion-mnist is not installed")


@HERE
def test_all_pictures_are_there_and_classes_are_even():
    """60,000 and 10,000 as published, of each class a tenth; first labels of both."""
    for split, count, first in (("train", 60_000, [9, 0, 0, 3]), ("test", 10_000, [9, 2, 1, 1])):
        images, labels = fashion.images(split)
        assert images.shape == (count, 1, 28, 28) and images.dtype == np.uint8
        assert (np.bincount(labels) == count // 10).all() and labels[:4].tolist() == first
    training, held_out = task_of("fashion-cnn").train_sets()
    assert (len(training.images), len(held_out.images)) == (55_000, 5_000)


def test_the_bytes_of_idx_files_are_read_in_order(tmp_path, monkeypatch):
    pictures, folder = np.arange(2 * 784, dtype=np.uint8).reshape(2, 1, 28, 28), tmp_path / "fashion-mnist"
    folder.mkdir()
    content = {"images-idx3": bytes(16) + pictures.tobytes(), "labels-idx1": bytes(8) + bytes([3, 7])}
    for kind, own in content.items():
        name = f"t10k-{kind}-ubyte.gz"
        (folder / name).write_bytes(gzip.compress(own))
        monkeypatch.setitem(fashion._FILES, name, md5(own).hexdigest())
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    images, labels = fashion.images("test")
    assert np.array_equal(images, pictures) and labels.tolist() == [3, 7]
    monkeypatch.setitem(fashion._FILES, name, "")
    with pytest.raises(UserError, match="not the published file"):
        fashion.images("test")
    (folder / name).write_bytes(b"no archive")
    with pytest.raises(UserError, match="not a gzip archive"):
        fashion.images("test")


def test_what_is_not_there_is_installed_by_one_command(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "DEBIAN", tmp_path)
    with pytest.raises(datasets.Absent, match="sudo apt install dataset-fashion-mnist"):
        fashion.images("train")
    golden = task_of("fashion-cnn").golden()
    assert golden.images.shape == (100, 1, 28, 28) and "Fashion" in golden.what
