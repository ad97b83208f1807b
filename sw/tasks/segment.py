"""Segmentation of road scenes, 11 classes (CamVid; without it, made-up shapes)."""

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from xnorforge.sw.datasets import camvid, synthetic
from xnorforge.sw.datasets.base import MADE_UP
from xnorforge.sw.decode.labels import bilinear
from xnorforge.sw.draw import masks as draw
from xnorforge.sw.metrics.segmentation import VOID, confusion, mean_iou, pixel_accuracy
from xnorforge.sw.records import Split
from xnorforge.sw.tasks._maps import MapTask, channels_first, cut, either, tinted
from xnorforge.sw.tasks.base import Box, Images, Names, Pictures, Run, Shown

USUAL = "tinyseg"
WIDTH, HEIGHT = 160, 120
CLASSES = 11
TRAINING = 240, 180  # pixels of a training picture, from which cuts are made
# Share of CamVid's training pixels per class: rare ones weigh more, (median / share) ** 0.5 within 0.4 to 3.
_SHARE = np.array([0.158, 0.241, 0.010, 0.293, 0.067, 0.112, 0.011, 0.014, 0.046, 0.006, 0.005])
WEIGHTS = torch.tensor(np.clip((np.median(_SHARE) / _SHARE) ** 0.5, 0.4, 3), dtype=torch.float32)
EXACT = 2**14  # scores are whole 128ths; those of a full-precision model are rounded
FINEST = 24  # pixels per cell at most, which bounds the memory of a large picture: beyond them pixels repeat


class Task(MapTask):
    """SegNet's split: 367 frames to train on, 101 to monitor the training, 233 to test, at 480 x 360."""

    shape: tuple[int, int, int] = (3, HEIGHT, WIDTH)
    recipe_words = "each cut to 0.5 to 1 of its size, mirrored half of the time, and relit"
    main = "mean IoU"
    measures: ClassVar = {
        "mean IoU": lambda those: mean_iou(np.sum(those, 0)),
        "pixel accuracy": lambda those: pixel_accuracy(np.sum(those, 0)),
    }

    def images(self, split, count: int | None = None) -> Images:
        """Return frames at the size of the input, and labels uint8 (N, H, W) at their own size."""
        items = split.items[:count]
        pictures = [_whole(one.image) for one in items]
        first = "" if count is None else f"the first {len(items)} of "
        return Images(channels_first(pictures), np.stack([one.labels for one in items]), first + split.what)

    def train_sets(self) -> tuple[Images, Images]:
        split = either(lambda: camvid.frames("train"), lambda: synthetic.segments(300, 1, 480, 360))
        watched = either(lambda: camvid.frames("val"), lambda: synthetic.segments(60, 2, 480, 360))
        few = Split(watched.items[::4], watched.classes, f"every fourth of {watched.what}")
        images, source = self.images(split), [_small(one) for one in split.items]
        return Images(images.images, images.labels, images.what, source), self.images(few)

    def tested(self) -> Split:
        return either(lambda: camvid.frames("test"), lambda: synthetic.segments(100, 0, 480, 360))

    def golden(self, count: int | None = None) -> Images:
        return self.images(self.tested(), count)

    def sample(self, source, rng: np.random.Generator, at: int) -> tuple[np.ndarray, np.ndarray]:
        picture, truth = source[at]
        sizes = np.array(TRAINING) * np.exp(rng.uniform(np.log(0.5), 0))
        corner = rng.uniform(0, TRAINING - sizes)
        box = (*corner, *(corner + sizes))
        image = cut(picture, box, WIDTH, HEIGHT)
        labels = cut(truth, box, WIDTH // 2, HEIGHT // 2, Image.Resampling.NEAREST)
        if rng.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        return tinted(image, rng), labels.astype(np.int64)

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the cross entropy at half the size of the input; void pixels are ignored."""
        fine = F.interpolate(scores, scale_factor=2, mode="bilinear", align_corners=False)
        return F.cross_entropy(fine, labels, weight=WEIGHTS.to(scores.device), ignore_index=VOID)

    def items(self, scores: np.ndarray, labels: np.ndarray) -> list[Any]:
        factor = labels.shape[-1] // scores.shape[-1]
        return [confusion(_classes(one, factor), truth, CLASSES) for one, truth in zip(scores, labels)]

    def names(self, trained_on: str) -> tuple[str, ...]:
        return synthetic.SEGMENTS if MADE_UP in trained_on else camvid.CLASSES

    def shown(self, run: Run, pictures: Pictures, names: Names, _box: Box = None) -> Shown:
        """Draw the whole picture, stretched to 4 to 3, as frames in training have no border."""
        for picture in pictures:
            tall, wide = picture.shape[:2]
            [scores] = run(channels_first([_whole(picture)]))
            factor = min(max(-(-tall // scores.shape[1]), -(-wide // scores.shape[2])), FINEST)
            found = Image.fromarray(_classes(scores, factor))
            labels = np.asarray(found.resize((wide, tall), Image.Resampling.NEAREST))
            yield draw.draw_labels(picture, labels, names), draw.describe_labels(labels, names)

    def true_examples(self, names: tuple[str, ...]) -> list[np.ndarray]:
        drawn = []
        for one in self.chosen():
            labels, known = one.labels, names
            if (labels == VOID).any():
                labels, known = np.where(labels == VOID, np.uint8(len(names)), labels), (*names, "unlabelled")
            drawn.append(draw.draw_labels(one.image, labels, known))
        return drawn


def _whole(picture: np.ndarray) -> np.ndarray:
    """A frame at the input's size."""
    return np.asarray(Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BOX))


def _classes(scores: np.ndarray, factor: int) -> np.ndarray:
    """A class per pixel from scores (classes, rows, columns), `factor` pixels per cell."""
    return bilinear(np.rint(scores.astype(float) * EXACT), factor)


def _small(one) -> tuple[Image.Image, Image.Image]:
    """A training frame and its labels at TRAINING pixels."""
    picture, labels = Image.fromarray(one.image), Image.fromarray(one.labels)
    return picture.resize(TRAINING, Image.Resampling.BOX), labels.resize(TRAINING, Image.Resampling.NEAREST)
