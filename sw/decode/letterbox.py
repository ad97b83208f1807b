"""A picture of any size in an input of one size, and boxes back from there."""

from typing import NamedTuple

import numpy as np
from PIL import Image

GREY = 127


class Fit(NamedTuple):
    """The position of a picture in the input.

    Attributes:
        scale: (x, y), input pixels per pixel of the picture, > 0.
        offset: (x, y), input pixels left of and above the picture.
        size: (width, height) of the picture.
    """

    scale: tuple[float, float]
    offset: tuple[int, int]
    size: tuple[int, int]

    def into(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (N, 4) of the picture as boxes of the input."""
        return boxes * np.tile(self.scale, 2) + np.tile(self.offset, 2)

    def back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (N, 4) of the input as boxes of the picture, cut at its borders."""
        return np.clip((boxes - np.tile(self.offset, 2)) / np.tile(self.scale, 2), 0, np.tile(self.size, 2))


def letterbox(picture: np.ndarray, width: int, height: int, fill: int = GREY) -> tuple[np.ndarray, Fit]:
    """Scale a picture with its proportions until it just fits, centre it, and fill the rest.

    Args:
        picture: uint8 (H, W, 3).
        width, height: size of the input, pixels.
        fill: 0 .. 255, the grey of the borders.

    Returns:
        uint8 (height, width, 3), made with Pillow's bilinear filter, which averages when it shrinks; and the
            position of the picture.
    """
    tall, wide = picture.shape[:2]
    scale = min(width / wide, height / tall)
    inner = max(1, round(wide * scale)), max(1, round(tall * scale))
    offset = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas = Image.new("RGB", (width, height), (fill,) * 3)
    canvas.paste(Image.fromarray(picture).resize(inner, Image.Resampling.BILINEAR), offset)
    return np.asarray(canvas), Fit((inner[0] / wide, inner[1] / tall), offset, (wide, tall))
