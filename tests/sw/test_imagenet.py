"""Pictures that are decoded while a network trains: parts of pictures, batches made ahead."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from xnorforge.sw.datasets import base as datasets
from xnorforge.sw.datasets import imagenet
from xnorforge.sw.tasks.imagenet import Task
from xnorforge.sw.training import train

from ..refusals import stops

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


def test_a_rank_decodes_its_share(data):
    training, _ = Task().train_sets()
    sample, at = Task().sampler(training, torch.device("cpu")), torch.arange(6)
    whole = sample(at, torch.Generator().manual_seed(6))
    half = sample.ahead(at, torch.Generator().manual_seed(6), lambda *given: [one[3:] for one in given])
    assert torch.equal(half.result()[0], whole[0][3:])


def test_a_damaged_picture_is_one_sentence(data):
    pictures, _ = imagenet.pictures("val")
    path = pictures.files[3]
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    stops(str(path), pictures.copy)
