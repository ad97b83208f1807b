"""Images: what is shipped is what it says, and what cannot be had is refused in one sentence; those that are
decoded while a network trains: parts of pictures, batches made ahead. The user's own: parts by content,
classes by folder, and one sentence where that cannot be."""

import hashlib
import io
import pickle
import shutil
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from requests.exceptions import ConnectionError

from xnorforge.core.artifacts import write_json
from xnorforge.core.errors import UserError
from xnorforge.pipeline.request import Request
from xnorforge.sw import networks, zoo
from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import cifar10 as cifar10_images
from xnorforge.sw.datasets import folder, imagenet
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.decode.square import fitted
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.tasks.imagenet import Task
from xnorforge.sw.training import train

from ..refusals import contains, refused, stops


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty XNORFORGE_DATA without a network."""
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))

    def unplugged(*_, **__):
        raise ConnectionError("no network here")

    monkeypatch.setattr("pooch.retrieve", unplugged)
    return tmp_path


def write_mnist(folder, monkeypatch, count=3):
    folder.mkdir(exist_ok=True)
    pixels = np.arange(count * 784, dtype=np.uint32).astype(np.uint8).tobytes()
    labels = bytes(range(count))
    for name, content in {"images-idx3": bytes(16) + pixels, "labels-idx1": bytes(8) + labels}.items():
        published = hashlib.md5(content).hexdigest(), ""
        monkeypatch.setitem(mnist_images._FILES, f"t10k-{name}-ubyte", published)
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
    refused(lambda: mnist_images.images("train"), "train-images-idx3-ubyte.gz: ", f"XNORFORGE_DATA ({root})",
            "(ConnectionError)", "TASK=digits")  # fmt: skip


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


CLASSES = ("n01440764", "n01443537", "n02102040")
EACH = 7


def jpeg(rng: np.random.Generator) -> bytes:
    """A smooth random picture of a random size."""
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
    stream = io.BytesIO()
    small.resize(tuple(rng.integers(180, 600, 2)), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Both splits; {split: content of the pictures with their classes}."""
    rng, found, top = np.random.default_rng(1), {}, tmp_path / "imagenet"
    for split in ("train", "val"):
        found[split] = [(jpeg(rng), label) for label in range(len(CLASSES)) for _ in range(EACH)]
        for at, (content, label) in enumerate(found[split]):
            path = top / split / CLASSES[label] / f"{at:03}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    imagenet.pictures.cache_clear()
    yield found
    imagenet.pictures.cache_clear()


def by_hand(content: bytes) -> np.ndarray:
    """The middle of a picture, decoded whole."""
    with Image.open(io.BytesIO(content)) as picture:
        edge = min(picture.size) * 7 / 8
        left, top = ((length - edge) / 2 for length in picture.size)
        box = (left, top, left + edge, top + edge)
        return np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR, box)).transpose(2, 0, 1)


def test_the_pixels_are_the_middle_of_each_picture_and_its_class(data):
    [test] = Task().test_sets()
    assert test.labels.tolist() == [label for _, label in data["val"]]
    difference = test.images.copy().astype(int) - np.stack([by_hand(content) for content, _ in data["val"]])
    assert np.abs(difference).mean() < 1.5  # what the decoder leaves out is hardly seen


def test_training_and_held_out_pictures_are_all_of_them_once(data):
    training, held_out = Task().train_sets()
    assert (len(training.images), len(held_out.images)) == (19, 2)
    sums = sorted(int(one.sum()) for part in (training, held_out) for one in part.images.copy())
    assert sums == sorted(int(one.sum()) for one in imagenet.pictures("train")[0].copy())
    assert len(training.first(5).images) == 5


def test_without_pictures_the_golden_ones_are_random_and_nothing_trains(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    imagenet.pictures.cache_clear()
    assert Task().golden(2).images.shape == (2, 3, 224, 224)
    stops("imagenet", Task().train_sets, kind=datasets.Absent)


def test_a_drawn_part_lies_in_the_picture_and_has_the_drawn_area():
    rng = np.random.default_rng(2)
    for width, height, *drawn in zip(*rng.integers(30, 900, (2, 500)), *rng.random((4, 500))):
        x0, y0, x1, y1 = imagenet.drawn_part((width, height), *drawn)
        assert 0 <= x0 < x1 <= width + 1e-9 and 0 <= y0 < y1 <= height + 1e-9
        area = width * height * (0.08 + 0.92 * drawn[0])
        cut = x1 - x0 > width - 1e-9 or y1 - y0 > height - 1e-9
        assert cut or (x1 - x0) * (y1 - y0) == pytest.approx(area)
        assert cut or 3 / 4 <= (x1 - x0) / (y1 - y0) <= 4 / 3
    assert imagenet.drawn_part((100, 100), 1, 0.5, 0, 0) == pytest.approx((0, 0, 100, 100))
    assert imagenet.middle((448, 256)) == (112, 16, 336, 240)


def test_half_of_the_pictures_are_mirrored(data):
    pictures = imagenet.pictures("train")[0]
    drawn = np.random.default_rng(3).random((len(pictures), 5))
    plain, other = drawn.copy(), drawn.copy()
    plain[:, 4], other[:, 4] = 0.5, 0.4999
    assert np.array_equal(pictures.varied(plain), pictures.varied(other)[..., ::-1])


def test_batches_made_ahead_are_those_made_in_turn(data):
    training, _ = Task().train_sets()
    sample = Task().sampler(training, torch.device("cpu"))
    order = torch.randperm(len(training.images), generator=torch.Generator().manual_seed(4)).split(4)
    ahead = list(train._batches(sample, order, torch.Generator().manual_seed(5)))
    rng = torch.Generator().manual_seed(5)
    for at, (images, labels) in zip(order, ahead, strict=True):
        wanted = sample(at, rng)
        assert torch.equal(images, wanted[0]) and torch.equal(labels, wanted[1])
        assert labels.tolist() == training.labels[at.numpy()].tolist()


def test_a_damaged_picture_is_one_sentence(data):
    pictures, _ = imagenet.pictures("val")
    path = pictures.files[3]
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    stops(str(path), pictures.copy)


ENDINGS = ["png", "jpg", "webp", "bmp", "gif", "tif", "ppm", "avif", "dds", "ico", "jp2", "pcx", "qoi", "sgi",
           "tga"]  # fmt: skip


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


EACH_CLASS = "{root}/cat/ and {root}/dog/"


@pytest.mark.parametrize("spoil, answer", [
    (shutil.rmtree, ["DATA: '{root}' ", "not a folder", "folder of pictures per class"]),
    (nothing_in_it, ["DATA: '{root}' ", "no folders", EACH_CLASS]),
    (pictures_without_folders, ["DATA: '{root}' ", "no folders", EACH_CLASS]),
    (one_class, ["DATA: '{root}' ", "one class, dog", "second folder"]),
    (two_pictures, ["DATA: '{root}/dog' ", " 2 different pictures", "3 or more"]),
    (two_and_a_copy, ["DATA: '{root}/dog' ", " 2 different pictures", "3 or more"]),
    (a_class_without_pictures, ["DATA: '{root}/fox' ", " 0 different pictures", "3 or more"]),
    (lambda root: shutil.copyfile(root / "cat/03.png", root / "eel/cat.png"),
     ["DATA: '{root}/eel/cat.png' ", "'{root}/cat/03.png'", "remove one"]),
    (cut_short, ["{root}/", ".png: ", "(it is truncated", "download"]),
])  # fmt: skip
def test_no_folder_of_classes_is_told_and_leaves_nothing(own, tmp_path, command, spoil, answer):
    spoil(own)
    code, _, said = command("train", "--task", "folder", "--data", own, "-o", tmp_path / "out")
    first, *others = (part.format(root=own) for part in answer)
    assert code == 2 and contains(said.splitlines()[-1], *others).startswith(first)
    assert not (tmp_path / "out").exists()


GIVE = ["DATA: ", "folder-small", "DATA=photos/"]


@pytest.mark.parametrize("words, answer", [
    (["train", "--task", "folder"], GIVE), (["build", "--task", "folder"], GIVE),
    (["train-float", "folder-small"], GIVE),
    (["build", "--task", "mnist", "--data", "photos"], ["DATA: ", "mnist-cnn", "folder"]),
    (["compare", "mnist-tfc", "--data", "photos"], ["DATA: ", "mnist-tfc", "folder"]),
])  # fmt: skip
def test_a_folder_belongs_to_the_task_that_takes_one(here, tmp_path, command, words, answer):
    code, _, said = command(*words)
    assert code == 2 and contains(said.splitlines()[-1], *answer)
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


def test_a_build_trains_first_where_there_are_no_weights(own, here, tmp_path, command):
    def stages(*more):
        words = "build", "--task", "folder", "--data", own, "--until", "fold", "--dry-run"
        code, out, _ = command(*words, *more)
        assert code == 0
        return [line.split()[0] for line in out.splitlines()]

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
    refused(lambda: train.train("folder-small", "ste", run, epochs=1, recipe="ours,passes=1,batch=16"),
            "checkpoint.pt: ", f"pictures {card['pictures']}", "another folder")  # fmt: skip
    (own / "fox").rename(own / "eel")
    write_json(run / "card.json", card | {"data": card["data"] | {"classes": ["a", "b", "c"]}})
    refused(lambda: zoo.load("folder-small", "ste", run), "other pictures or classes")
