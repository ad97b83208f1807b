"""A class per pixel: its colour over the picture, and a legend below."""

import numpy as np
from PIL import Image, ImageDraw

from xnorforge.core.types import Record
from xnorforge.sw.draw.canvas import Canvas, called, colour

STRENGTH = 0.5  # of the colour over the picture
# What road scenes are used to: the colours of Cityscapes (M. Cordts et al., CVPR 2016) for the same things.
KNOWN = {
    "sky": (70, 130, 180), "building": (70, 70, 70), "pole": (153, 153, 153), "road": (128, 64, 128),
    "pavement": (244, 35, 232),
    "tree": (107, 142, 35), "sign": (220, 220, 0), "fence": (190, 153, 153), "car": (0, 0, 142),
    "pedestrian": (220, 20, 60),
    "bicyclist": (250, 170, 30),
}  # fmt: skip


def draw_labels(picture: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the picture, uint8 (H, W, 3), tinted, above a legend of classes and their shares of pixels.

    Args:
        labels: uint8 (H, W).
        names: names of the first classes; in every legend, so that frames of a video have one size.
    """
    parts = shares(labels, names)
    colours = np.array([KNOWN.get(name, colour(number)) for number, name in enumerate(parts)])
    tints = Image.fromarray(colours.astype(np.uint8)[labels])
    mixed = np.asarray(Image.blend(Image.fromarray(picture), tints, STRENGTH))
    return _over_legend(Canvas(mixed), parts, colours)


def describe_labels(labels: np.ndarray, names: tuple[str, ...]) -> Record:
    """Return the same for a record: per cent of the pixels per class."""
    return {
        "percent_of_pixels": {name: round(100 * share, 2) for name, share in shares(labels, names).items()}
    }


def shares(labels: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Return each class and its share of the pixels, 0 to 1; classes without a name only if present."""
    counts = np.bincount(labels.ravel(), minlength=len(names))
    return {called(number, names): float(count / labels.size) for number, count in enumerate(counts)}


def _over_legend(canvas: Canvas, parts: dict[str, float], colours: np.ndarray) -> np.ndarray:
    """The drawing with rows of coloured plates and words below it, as many to a row as fit."""
    image, pad, tall = canvas.image, 2 * canvas.line, sum(canvas.font.getmetrics())
    places, x, y = [], pad, pad
    for name in parts:
        wide = tall + round(canvas.font.getlength(f"{name} 0.1%")) + 3 * pad
        if x > pad and x + wide > image.width:
            x, y = pad, y + tall + pad
        places.append((x, y))
        x += wide
    whole = Image.new("RGB", (image.width, image.height + y + tall + pad), (255, 255, 255))
    whole.paste(image)
    pen = ImageDraw.Draw(whole)
    for (name, share), ink, (x, y) in zip(parts.items(), colours.tolist(), places):
        y += image.height
        pen.rectangle((x, y, x + tall, y + tall), fill=tuple(ink), outline=(0, 0, 0))
        label, black = f"{name} {share:.{int(0 < share < 0.01)}%}", 0 if share else 160
        pen.text((x + tall + pad, y), label, font=canvas.font, fill=(black,) * 3)
    return np.asarray(whole)
