"""Images: what is shipped is what it says, and what cannot be had is refused in one sentence."""

import hashlib
import pickle
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from requests.exceptions import ConnectionError

from xnorforge.core.errors import UserError
from xnorforge.sw import zoo
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import cifar10 as cifar10_images
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.tasks.base import task_of

from ..refusals import refused, stops


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty XNORFORGE_DATA without a network."""
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))

    def unplugged(*_, **__):
        raise ConnectionError("no network here")

    monkeypatch.setattr("pooch.retrieve", unplugged)
    return tmp_path


def publish(monkeypatch, name: str, content: bytes):
    """Make `content` the published content of an MNIST file."""
    monkeypatch.setitem(mnist_images._FILES, name, (hashlib.md5(content).hexdigest(), ""))


def write_mnist(folder, monkeypatch, count=3):
    folder.mkdir(exist_ok=True)
    pixels = np.arange(count * 784, dtype=np.uint32).astype(np.uint8).tobytes()
    labels = bytes(range(count))
    for name, content in {"images-idx3": bytes(16) + pixels, "labels-idx1": bytes(8) + labels}.items():
        publish(monkeypatch, f"t10k-{name}-ubyte", content)
        (folder / f"t10k-{name}-ubyte").write_bytes(content)


def test_the_shipped_digits_are_the_first_thousand_test_images():
    images, labels = mnist_images.shipped()
    assert images.shape == (1000, 1, 28, 28) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9], "as every listing of the test set begins"
    assert np.bincount(labels).tolist() == [85, 126, 116, 107, 110, 87, 87, 99, 89, 94]
    # SHA-256 of the first 784,000 pixel bytes of t10k-images-idx3-ubyte (MD5
    # 2646ac647ad5339dbf082846283269ea).
    wanted = "f8f3c5a608a9f7d4bd5e9d69b90c53932b8b99371d9db26121b42f62f3abcd56"
    assert hashlib.sha256(images.tobytes()).hexdigest() == wanted


@pytest.mark.parametrize("place", [".", "mnist"])
def test_idx_files_are_found_in_the_folder_or_in_mnist(root, monkeypatch, place):
    write_mnist(root / place, monkeypatch)
    images, labels = mnist_images.images("test")
    assert images.shape == (3, 1, 28, 28) and labels.tolist() == [0, 1, 2]
    assert images[1, 0, 0, :3].tolist() == [784 % 256, 785 % 256, 786 % 256]


def test_a_changed_file_is_refused(root, monkeypatch):
    write_mnist(root, monkeypatch)
    path = root / "t10k-labels-idx1-ubyte"
    wanted, content = hashlib.md5(path.read_bytes()).hexdigest(), path.read_bytes()[:-1] + b"\7"
    path.write_bytes(content)
    found = hashlib.md5(content).hexdigest()
    refused(lambda: mnist_images.images("test"), f"{path}: ", found, wanted, "download the file again")


def test_absent_digits_without_a_network_are_named(root):
    refused(
        lambda: mnist_images.images("train"),
        "train-images-idx3-ubyte.gz: ", f"XNORFORGE_DATA ({root})", "(ConnectionError)", "TASK=digits",
    )  # fmt: skip


@pytest.mark.usefixtures("root")
def test_a_download_with_another_hash_is_refused(monkeypatch):
    def altered(*_, **__):
        raise ValueError("MD5 hash of downloaded file does not match the known hash")

    monkeypatch.setattr("pooch.retrieve", altered)
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz: .*MD5 c58f3010.*XNORFORGE_DATA") as error:
        cifar10_images.images("test")
    assert not isinstance(error.value, datasets.Absent), "so that no random image ever stands for it"


def test_a_folder_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", "/no/such/folder")
    said = "XNORFORGE_DATA: ", "'/no/such/folder'", "mnist/ or cifar10/"
    refused(lambda: mnist_images.images("test"), *said)


def write_batch(folder, monkeypatch, first=0):
    """An official batch of two images: row r holds 3,072 bytes of first + r."""
    rows = np.repeat(np.arange(first, first + 2, dtype=np.uint8)[:, None], 3072, 1)
    content = pickle.dumps({"data": rows, "labels": [4, 5]})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_batch").write_bytes(content)
    (folder / "data_batch_1").write_bytes(b"")
    monkeypatch.setitem(cifar10_images._BATCHES["test"], "test_batch", hashlib.md5(content).hexdigest())


@pytest.mark.parametrize("place", [".", "cifar10", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"])
def test_official_batches_are_exact_pixels(root, monkeypatch, place):
    write_batch(root / place, monkeypatch)
    images, labels, pixels = cifar10_images.images("test")
    assert pixels == "exact" and labels.tolist() == [4, 5] and images.shape == (2, 3, 32, 32)
    assert images[1].min() == images[1].max() == 1


def test_a_pickle_with_another_hash_is_never_opened(root, monkeypatch):
    write_batch(root, monkeypatch)
    monkeypatch.setitem(cifar10_images._BATCHES["test"], "test_batch", "0" * 32)
    monkeypatch.setattr(pickle, "loads", lambda *_, **__: pytest.fail("opened"))
    stops(r"test_batch: MD5 is .* 0{32}", cifar10_images.images, "test")


def write_copies(folder):
    """JPEG copies of two grey images and their exact pixels, with the list of hashes."""
    folder.mkdir()
    grey = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (50, 200)])
    streams = []
    for picture in grey:
        Image.fromarray(picture).save(stream := BytesIO(), "JPEG")
        streams.append(np.frombuffer(stream.getvalue(), np.uint8))
    offsets = np.cumsum([0, *map(len, streams)]).astype(np.uint32)
    labels = np.array([1, 2], np.uint8)
    np.savez(folder / "cifar10_test_jpeg.npz", jpeg=np.concatenate(streams), offsets=offsets, labels=labels)
    Image.fromarray(grey.reshape(64, 32, 3)).save(folder / "cifar10_test_lossless.png")
    np.savez(folder / "cifar10_test_lossless_index.npz", index=np.arange(2), labels=labels)
    hashes = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    (folder / "SHA256SUMS").write_text("".join(f"{one}  {path.name}\n" for path, one in hashes.items()))


def test_copies_and_exact_pixels_are_told_apart(root):
    write_copies(root / "cifar10")
    for asked, named in (("any", "jpeg"), ("jpeg", "jpeg"), ("exact", "exact")):
        images, labels, pixels = cifar10_images.images("test", asked)
        assert pixels == named and labels.tolist() == [1, 2] and images.shape == (2, 3, 32, 32)
        assert abs(int(images[1].mean()) - 200) <= 1


def test_copies_that_are_not_the_listed_ones_are_refused(root):
    write_copies(root / "cifar10")
    sums = root / "cifar10/SHA256SUMS"
    sums.write_text(sums.read_text().replace(sums.read_text()[:64], "0" * 64))
    refused(lambda: cifar10_images.images("test"), "cifar10_test_jpeg.npz: SHA-256 ", "SHA256SUMS", "0" * 64)


@pytest.mark.usefixtures("root")
def test_without_photographs_random_images_stand_in_and_say_so():
    images, labels, words = zoo.golden("cifar10-cnv")
    assert images.shape == (100, 3, 32, 32) and (labels == -1).all()
    absent = "CIFAR-10 is neither in XNORFORGE_DATA nor downloaded"
    assert words == f"100 random images (seed 0) without labels, as {absent}"
    np.testing.assert_array_equal(images, task_of("cifar10-cnv").golden().images)
    assert len(zoo.golden("cifar10-cnv", 7)[0]) == 7


def test_golden_photographs_have_exact_pixels(root):
    write_copies(root / "cifar10")
    images, labels, words = zoo.golden("cifar10-cnv")
    assert words == "the first 2 test images of CIFAR-10, exact pixels" and labels.tolist() == [1, 2]
    assert set(np.unique(images)) == {50, 200}
