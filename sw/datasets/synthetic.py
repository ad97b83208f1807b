"""Made-up pictures for every task, for tests and for users without the data: seeded, exact, and easy.

A figure on them shows that training, export and hardware work, and says nothing about the task. Picture k of
a seed does not depend on how many are requested. All have textured backgrounds, soft edges and noise, so that
colour alone does not identify an object.
"""

import numpy as np
from PIL import Image, ImageDraw

from xnorforge.sw.datasets.base import MADE_UP
from xnorforge.sw.records import Clip, Scene, Segmented, Split

SHAPES = ("disc", "square", "triangle", "stripe")
SEGMENTS = ("ground", *SHAPES, "marked disc")
SOURCE = "drawn here by a seeded generator"
FINE = 4  # shapes are drawn this much larger, then averaged down


def pedestrians(count: int, seed: int = 0, width: int = 160, height: int = 128) -> Split:
    """Upright figures of head, trunk and legs among poles, some hidden partly by one another or by a pole.

    A person is to be ignored if smaller than a fifth of the picture's height, or hidden by more than 35 %."""

    def scene(k):
        rng = np.random.default_rng((seed, k))
        picture = _ground(rng, width, height)
        masks, persons = [], []
        for _ in range(rng.integers(1, 5)):
            tall = height * np.exp(rng.uniform(np.log(0.15), np.log(0.8)))
            foot = rng.uniform(0, width), rng.uniform(tall, height)
            stride, arm = rng.uniform(0.02, 0.13), rng.uniform(0.5, 0.75)
            masks.append(_mask(width, height, _person, *foot, tall, stride, arm))
            persons.append(True)
        for _ in range(rng.integers(0, 3)):
            x, wide = rng.uniform(0, width - 4), rng.uniform(1, 4)
            masks.append(_mask(width, height, _box, x, -1, x + wide, height))
            persons.append(False)
        lowest = [np.nonzero(mask.any(1))[0].max() for mask in masks]  # near ones come last
        order = np.argsort(lowest, kind="stable")
        numbers = np.zeros((height, width), np.uint8)
        boxes, ignore, hidden_by = [], [], [masks[i] for i in order]
        for place, i in enumerate(order):
            _paint(picture, masks[i], _texture(rng, width, height, _colour(rng, picture)))
            solid = masks[i] > 0.5
            numbers[solid] = 0
            if not persons[i] or not solid.any():
                continue
            behind = np.maximum.reduce([np.zeros_like(masks[i]), *hidden_by[place + 1 :]]) > 0.5
            boxes.append(_around(solid))
            small = boxes[-1][3] - boxes[-1][1] < height / 5
            ignore.append(small or (solid & behind).sum() > 0.35 * solid.sum())
            numbers[solid] = len(boxes)
        known, none = np.array(boxes, float).reshape(-1, 4), np.zeros(len(boxes), int)
        picture, size = _finished(rng, picture), (width, height)
        return Scene(f"{k:04}", picture, size, known, none, np.array(ignore, bool), masks=numbers)

    return Split([scene(k) for k in range(count)], ("person",), _what("street scenes", count, seed))


def shapes(count: int, seed: int = 0, width: int = 160, height: int = 128) -> Split:
    """Discs, squares, triangles and stripes, with their boxes; none hides another."""

    def scene(k):
        rng = np.random.default_rng((seed, k))
        picture, boxes, labels = _ground(rng, width, height), [], []
        taken = np.zeros((height, width), bool)
        for _ in range(rng.integers(1, 6)):
            label, radius = int(rng.integers(len(SHAPES))), rng.uniform(0.08, 0.25) * min(width, height)
            x, y = rng.uniform(radius, [width - radius, height - radius])
            mask = _mask(width, height, _shape, SHAPES[label], x, y, radius)
            if (mask[taken] > 0.5).any():
                continue
            taken |= mask > 0.5
            _paint(picture, mask, _texture(rng, width, height, _colour(rng, picture)))
            boxes.append(_around(mask > 0.5))
            labels.append(label)
        known, classes = np.array(boxes, float).reshape(-1, 4), np.array(labels, np.int64)
        picture, size = _finished(rng, picture), (width, height)
        return Scene(f"{k:04}", picture, size, known, classes, np.zeros(len(boxes), bool))

    return Split([scene(k) for k in range(count)], SHAPES, _what("pictures of shapes", count, seed))


def segments(count: int, seed: int = 0, width: int = 160, height: int = 120) -> Split:
    """The same shapes with a class per pixel. A "marked disc" has a bar next to it, 8 to 12 pixels away.

    Disc and marked disc look alike locally; telling them apart takes context. The bar itself is background.
    """

    def scene(k):
        rng = np.random.default_rng((seed, k))
        picture, truth = _ground(rng, width, height), np.zeros((height, width), np.uint8)
        taken = np.zeros((height, width), bool)
        for _ in range(rng.integers(2, 6)):
            label, radius = int(rng.integers(1, len(SEGMENTS))), rng.uniform(0.08, 0.2) * min(width, height)
            (x, y), colour = rng.uniform(radius, [width - radius, height - radius]), _colour(rng, picture)
            name, bar = SEGMENTS[label], x + radius + rng.uniform(8, 12)
            mask = _mask(width, height, _shape, name.removeprefix("marked "), x, y, radius)
            needed = mask > 0.5
            if name.startswith("marked "):  # the bar, and no other disc as near to it
                needed = _mask(width, height, _box, x - radius, y - radius, bar + 16, y + radius) > 0.5
                if bar + 3 > width:
                    continue
            if (needed & taken).any():
                continue
            if name.startswith("marked "):
                _paint(picture, _mask(width, height, _box, bar, y - radius, bar + 3, y + radius), colour)
            _paint(picture, mask, _texture(rng, width, height, colour))
            truth[mask > 0.5], taken[needed] = label, True
        return Segmented(f"{k:04}", _finished(rng, picture), (width, height), truth, len(SEGMENTS))

    return Split([scene(k) for k in range(count)], SEGMENTS, _what("pictures of shapes", count, seed))


def clips(count: int, seed: int = 0, frames: int = 60, width: int = 320, height: int = 240) -> Split:
    """A textured patch that moves over clutter, slowly grows and shrinks, and stays in the picture."""

    def clip(k):
        rng = np.random.default_rng((seed, k))
        ground = _ground(rng, width, height)
        for _ in range(6):  # clutter of the patch's kind
            _stick(ground, _patch(rng, rng.integers(16, 50, 2)), rng.uniform(0, [width, height]))
        first = rng.uniform(24, 60, 2)
        patch = _patch(rng, np.ceil(first * 2).astype(int))
        centre, speed, size = rng.uniform(0.3, 0.7, 2) * [width, height], rng.normal(0, 2, 2), 1.0
        pictures, boxes = [], []
        for _ in range(frames):
            sides = np.maximum(np.round(first * size), 8).astype(int)
            picture = ground.copy()
            scaled = np.asarray(Image.fromarray(patch).resize(tuple(sides.tolist())))
            corner = _stick(picture, scaled, centre - sides / 2)
            pictures.append(_finished(rng, picture))
            boxes.append([*corner, *(corner + sides)])
            speed = np.clip(0.95 * speed + rng.normal(0, 0.7, 2), -6, 6)
            low, high = sides / 2 + 1, [width, height] - sides / 2 - 1
            speed = np.where((centre + speed < low) | (centre + speed > high), -speed, speed)
            centre = np.clip(centre + speed, low, high)
            size = np.clip(size * np.exp(rng.normal(0, 0.01)), 0.6, 1.6)
        seen, boxes = np.ones(frames, bool), np.array(boxes, float)
        return Clip(f"{k:04}", np.stack(pictures), (width, height), boxes, seen)

    what = _what(f"sequences of {frames} frames", count, seed)
    return Split([clip(k) for k in range(count)], ("object",), what)


def _what(things: str, count: int, seed: int) -> str:
    return f"{count} {MADE_UP} {things} (synthetic, seed {seed}), no real data"


def _ground(rng, width: int, height: int) -> np.ndarray:
    """float (H, W, 3), 0 .. 255: two colours that run into each other, clouds of three sizes on them."""
    top, bottom = rng.uniform(50, 205, (2, 3))
    ramp = np.linspace(0, 1, height)[:, None, None]
    clouds = sum(
        _clouds(rng, width, height, cells) * weight for cells, weight in ((3, 25), (9, 18), (30, 12))
    )
    return np.clip(top * (1 - ramp) + bottom * ramp + clouds, 0, 255)


def _clouds(rng, width: int, height: int, cells: int) -> np.ndarray:
    """float (H, W, 3): smooth noise of deviation about 1, `cells` bumps across."""
    rows = max(2, round(cells * height / width))
    coarse = rng.normal(0, 1, (rows, cells, 1)) + rng.normal(0, 0.3, (rows, cells, 3))
    planes = [Image.fromarray(coarse[..., c].astype(np.float32)) for c in range(3)]
    return np.stack([np.asarray(p.resize((width, height), Image.Resampling.BICUBIC)) for p in planes], -1)


def _texture(rng, width: int, height: int, colour) -> np.ndarray:
    return np.clip(colour + _clouds(rng, width, height, 20) * 14, 0, 255)


def _colour(rng, picture) -> np.ndarray:
    """A colour that differs from the picture's mean by 50 or more somewhere."""
    mean = picture.mean((0, 1))
    while True:
        colour = rng.uniform(10, 245, 3)
        if np.abs(colour - mean).max() > 50:
            return colour


def _patch(rng, sides) -> np.ndarray:
    """uint8 (H, W, 3): a few coloured blocks, which look different from every side."""
    blocks = rng.integers(20, 236, (4, 4, 3)).astype(np.uint8)
    wide, tall = (int(side) for side in sides)
    return np.asarray(Image.fromarray(blocks).resize((wide, tall), Image.Resampling.BICUBIC))


def _stick(picture, patch, corner) -> np.ndarray:
    """Put a patch on the picture at a whole pixel, cut at the borders; returns its corner."""
    corner = np.round(corner).astype(int)
    (x, y), (tall, wide) = corner, patch.shape[:2]
    part = picture[max(y, 0) : y + tall, max(x, 0) : x + wide]
    part[:] = patch[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
    return corner


def _mask(width: int, height: int, draw_on, *where) -> np.ndarray:
    """float (H, W), 0 .. 1: the part of each pixel that `draw_on(draw, *where)` covers."""
    canvas = Image.new("L", (FINE * width, FINE * height))
    draw_on(ImageDraw.Draw(canvas), *where)
    return np.asarray(canvas.reduce(FINE), float) / 255


def _person(draw, x: float, y: float, tall: float, stride: float, arm: float):
    """A figure at x, y: head, trunk to half its height, legs `stride` heights off its middle."""
    top, wide = y - tall, 0.24 * tall
    _oval(draw, x - 0.065 * tall, top, x + 0.065 * tall, top + 0.15 * tall)
    _oval(draw, x - wide / 2, top + 0.13 * tall, x + wide / 2, top + 0.45 * tall)
    _box(draw, x - wide * arm / 2, top + 0.2 * tall, x + wide * arm / 2, top + 0.55 * tall)
    for side in (-1, 1):
        hip, foot = (x + side * 0.045 * tall, top + 0.5 * tall), (x + side * stride * tall, y)
        draw.line([FINE * value for value in (*hip, *foot)], fill=255, width=round(FINE * 0.08 * tall))


def _shape(draw, name: str, x: float, y: float, r: float):
    """One of SHAPES; a stripe is about three times as wide as it is high."""
    if name == "disc":
        _oval(draw, x - r, y - r, x + r, y + r)
    elif name == "triangle":
        draw.polygon([FINE * value for value in (x, y - r, x + r, y + r, x - r, y + r)], fill=255)
    else:
        tall = r / 3 if name == "stripe" else 0.9 * r
        _box(draw, x - 0.9 * r, y - tall, x + 0.9 * r, y + tall)


def _box(draw, x0, y0, x1, y1):
    draw.rectangle([FINE * x0, FINE * y0, FINE * x1 - 1, FINE * y1 - 1], fill=255)


def _oval(draw, x0, y0, x1, y1):
    draw.ellipse([FINE * x0, FINE * y0, FINE * x1 - 1, FINE * y1 - 1], fill=255)


def _paint(picture, mask, colour):
    picture += mask[..., None] * (colour - picture)


def _around(solid) -> list[int]:
    """x0, y0, x1, y1: the smallest box that holds all pixels set."""
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def _finished(rng, picture) -> np.ndarray:
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
