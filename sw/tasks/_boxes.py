"""Detection by centres: a heat map per class and four distances per cell (X. Zhou et al., "Objects as
Points", 2019).

Targets and loss: a Gaussian around each centre with the focal loss of that paper; on the cells near a centre,
-log of the intersection over union of the box its distances make (J. Yu et al., "UnitBox", 2016), weighted by
the Gaussian.
"""

from typing import Any

import numpy as np
import torch
from PIL import Image

from xnorforge.sw.decode.heatmap import REACH, UNIT, boxes, in_picture
from xnorforge.sw.decode.letterbox import GREY, letterbox
from xnorforge.sw.draw import boxes as draw
from xnorforge.sw.metrics.boxes import Truth
from xnorforge.sw.tasks._maps import MapTask, channels_first, cut, tinted
from xnorforge.sw.tasks.base import Box, Images, Names, Pictures, Run, Shown

WIDTH, HEIGHT, STRIDE = 160, 128, 8
SIDE = 320  # longer side of a training picture, without its border
BORDER = 0.2  # grey around it, of the longer side, so that cuts may reach over its edge
SCALES = 0.55, 1.15  # of a cut, where 1 just holds the picture
# Boxes of this probability and more are drawn: of tinyped's training pictures 83 % are right, and show 87 %
# of the persons.
SHOWN = 0.4
_CENTRES = (np.mgrid[: HEIGHT // STRIDE, : WIDTH // STRIDE] + 0.5)[::-1] * STRIDE  # x and y of the cells


class BoxTask(MapTask):
    """Pictures with boxes; a subclass states data, classes and figures."""

    shape: tuple[int, int, int] = (3, HEIGHT, WIDTH)
    recipe_words = (
        "each cut to 0.55 to 1.15 of its size, mirrored half of the time, relit seven times out of ten"
    )
    classes = 1

    def images(self, split, what: str) -> Images:
        """Letterboxed images; labels float (N, boxes, 6): x0, y0, x1, y1, class, ignore or nan."""
        pictures, rows = [], []
        for scene in split.items:
            picture, fit = letterbox(scene.image, WIDTH, HEIGHT)
            pictures.append(picture)
            rows.append(np.hstack([fit.into(scene.boxes), scene.labels[:, None], scene.ignore[:, None]]))
        labels = np.full((len(rows), max(1, *map(len, rows)), 6), np.nan, np.float32)
        for places, row in zip(labels, rows):
            places[: len(row)] = row
        return Images(channels_first(pictures), labels, what, [_bordered(scene) for scene in split.items])

    def golden(self, count: int | None = None) -> Images:
        split = self.tested()
        images = self.images(split, split.what)
        first = "" if count is None else f"the first {count} of "
        return Images(images.images[:count], images.labels[:count], first + images.what)

    def calibration_images(self, training: Images):
        """Whole pictures and their mirror images; objects in cuts would be larger."""
        return np.concatenate([training.images, training.images[..., ::-1]])

    def truths(self, labels: np.ndarray) -> list[Truth]:
        """Return the boxes of each picture, in input pixels."""
        kept = [rows[~np.isnan(rows[:, 0])].astype(float) for rows in labels]
        return [Truth(rows[:, :4], rows[:, 4].astype(int), rows[:, 5] > 0) for rows in kept]

    def found(self, scores: np.ndarray, **how) -> list[Any]:
        """The detections in each picture's maps, in input pixels; `how` goes to the decoder."""
        return [boxes(maps, 1.0, 0.0, STRIDE, **how) for maps in scores.astype(float)]

    def shown(self, run: Run, pictures: Pictures, names: Names, _box: Box = None) -> Shown:
        for picture in pictures:
            image, fit = letterbox(picture, WIDTH, HEIGHT)
            [found] = self.found(run(channels_first([image])), least=SHOWN)
            found = in_picture(found, fit)
            yield draw.draw_boxes(picture, found, names), draw.describe_boxes(found, names)

    def true_examples(self, names: tuple[str, ...]) -> list[np.ndarray]:
        known = [Truth(one.boxes, one.labels, one.ignore) for one in self.chosen()]
        return [draw.draw_truth(one.image, truth, names) for one, truth in zip(self.chosen(), known)]

    def sample(self, source, rng: np.random.Generator, at) -> tuple[np.ndarray, np.ndarray]:
        picture, known, labels, (left, width, height) = source[at]
        scale = max(width / WIDTH, height / HEIGHT) * np.exp(rng.uniform(*np.log(SCALES)))
        scale = min(scale, picture.width / WIDTH, picture.height / HEIGHT)
        sizes = np.array([WIDTH, HEIGHT]) * scale
        low = np.array([left, left])
        high = low + np.array([width, height]) - sizes
        corner = rng.uniform(np.minimum(low, high), np.maximum(low, high))
        corner = np.clip(corner, 0, np.array(picture.size) - sizes)
        image = cut(picture, (*corner, *(corner + sizes)), WIDTH, HEIGHT)
        known = (known - np.tile(corner, 2)) / scale
        inside = np.clip(known, 0, [WIDTH, HEIGHT] * 2)
        whole, seen = ((b[:, 2:] - b[:, :2]).prod(1) for b in (known, inside))
        known, labels = known[seen > whole / 2], labels[seen > whole / 2]
        if rng.random() < 0.5:
            image, known = image[:, ::-1], known[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [WIDTH, 0, WIDTH, 0]
        if rng.random() < 0.7:
            image = tinted(image, rng)
        return image, target(known, labels, self.classes)

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        heat, truth, weight = labels.split((self.classes, 4, 1), 1)
        p = scores[:, : self.classes].sigmoid().clamp(1e-4, 1 - 1e-4)
        centre = (heat == 1).float()
        focal = centre * (1 - p) ** 2 * p.log() + (1 - centre) * (1 - heat) ** 4 * p**2 * (1 - p).log()
        reach = scores[:, self.classes :].clamp(-REACH, REACH).exp() * UNIT
        shared = torch.minimum(reach, truth)
        overlap = (shared[:, :2] + shared[:, 2:]).prod(1)  # (left + right) * (top + bottom)
        union = sum((sides[:, :2] + sides[:, 2:]).prod(1) for sides in (reach, truth)) - overlap
        near = -(((overlap + 1) / (union + 1)).log() * weight[:, 0]).sum() / weight.sum().clamp(min=1)
        return -focal.sum() / centre.sum().clamp(min=1) + 2 * near


def target(known: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the maps of a cut: float32 (classes + 5, rows, columns): heat, distances to left, top, right and
    bottom in pixels, weight."""
    heat, weight = np.zeros((classes, *_CENTRES.shape[1:])), np.zeros(_CENTRES.shape[1:])
    sides = np.ones((4, *_CENTRES.shape[1:]))
    for box, label in zip(known, labels):
        middle, size = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 4)
        if not ((middle >= 0) & (middle < [WIDTH, HEIGHT])).all():
            continue
        column, row = (middle // STRIDE).astype(int)
        spread = np.maximum(size * [0.14, 0.09], 3)[:, None, None]
        away = (_CENTRES - _CENTRES[:, row, column][:, None, None]) / spread
        bell = np.exp(-0.5 * (away**2).sum(0))
        heat[label] = np.maximum(heat[label], bell)
        reach = np.concatenate([_CENTRES - box[:2, None, None], box[2:, None, None] - _CENTRES])
        mine = (bell > 0.3) & (reach > 1).all(0) & (bell > weight)
        mine[row, column] = bell[row, column] >= weight[row, column]
        weight[mine], sides[:, mine] = bell[mine], np.maximum(reach, 1)[:, mine]
    return np.concatenate([heat, sides, weight[None]]).astype(np.float32)


def _bordered(scene) -> tuple:
    """A training picture with a grey border, its boxes, labels, and (left = top, width, height)."""
    tall, wide = scene.image.shape[:2]
    border, scale = int(BORDER * max(wide, tall)), SIDE / max(wide, tall)
    canvas = Image.new("RGB", (wide + 2 * border, tall + 2 * border), (GREY,) * 3)
    canvas.paste(Image.fromarray(scene.image), (border, border))
    size = int(canvas.width * scale), int(canvas.height * scale)
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    place = border * scale, wide * scale, tall * scale
    return canvas.resize(size, how), (scene.boxes + border) * scale, scene.labels, place
