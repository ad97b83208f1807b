"""A picture to draw on, with lines and text sized to the picture."""

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LEGIBLE = (
    480  # pixels of the longer side; words on smaller pictures cannot be read, so these are drawn enlarged
)
# Far apart from each other and bright enough to be seen on a photograph; after S. Trubetskoy, "20 distinct
# colors", 2017.
_INKS = "ffe119 f032e6 42d4f4 f58231 3cb44b e6194b 4363d8 bfef45 fabed4 469990 dcbeff 9a6324 aaffc3 808000"
COLOURS = tuple(bytes.fromhex(ink) for ink in _INKS.split())


def colour(number: int) -> tuple[int, int, int]:
    """Return a colour for class `number`; colours repeat if there are many classes."""
    red, green, blue = COLOURS[number % len(COLOURS)]
    return red, green, blue


def called(number: int, names: tuple[str, ...]) -> str:
    """Return the name of class `number`; its number if it has no name."""
    return names[number] if number < len(names) else f"class {number}"


class Canvas:
    """A copy of a picture, uint8 (H, W, 3).

    Attributes:
        zoom: pixels of the drawing per pixel of the picture, 1 or more.
        line: line width, and `font`: both grow with the drawing.
    """

    def __init__(self, picture: np.ndarray):
        longer = max(picture.shape[:2])
        self.zoom = -(-LEGIBLE // longer) if longer < LEGIBLE else 1
        size = picture.shape[1] * self.zoom, picture.shape[0] * self.zoom
        self.image: Image.Image = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
        self.draw: ImageDraw.ImageDraw = ImageDraw.Draw(self.image)
        self.line: int = max(2, round(max(size) / 320))
        font = ImageFont.load_default(max(12, round(max(size) / 36)))
        assert isinstance(font, ImageFont.FreeTypeFont)  # a size makes it one
        self.font = font

    def box(self, box: Sequence[float] | np.ndarray, ink: tuple[int, int, int]) -> None:
        """Draw a frame on the border of a box x0, y0, x1, y1, outlined for light backgrounds."""
        x0, y0, x1, y1 = (round(value * self.zoom) for value in box)
        for more, line in ((1, (0, 0, 0)), (0, ink)):
            out = self.line // 2 + more
            corners = x0 - out, y0 - out, max(x1, x0 + 1) - 1 + out, max(y1, y0 + 1) - 1 + out
            self.draw.rectangle(corners, outline=line, width=self.line + 2 * more)

    def path(self, points: Iterable[np.ndarray], ink: tuple[int, int, int]) -> None:
        """A line through points (N, 2), x and y."""
        places = [tuple(point) for point in np.asarray(points, float) * self.zoom]
        if len(places) > 1:
            self.draw.line(places, fill=ink, width=self.line, joint="curve")

    def label(self, box: Sequence[float] | np.ndarray, text: str, ink: tuple[int, int, int]) -> None:
        """Draw text on a plate of the ink's colour, above a box, or inside if there is no room above."""
        pad = self.line
        left, top, right, bottom = self.draw.textbbox((0, 0), text, font=self.font)
        wide, tall = right - left + 2 * pad, bottom - top + 2 * pad
        x, y = (round(value * self.zoom) for value in box[:2])
        x = max(0, min(x - pad, self.image.width - wide))
        y = y - tall if y >= tall else min(y + pad, self.image.height - tall)
        self.draw.rectangle((x, y, x + wide - 1, y + tall - 1), fill=ink)
        self.draw.text((x + pad - left, y + pad - top), text, font=self.font, fill=on(ink))

    @property
    def picture(self) -> np.ndarray:
        """What was drawn, uint8 (H * zoom, W * zoom, 3)."""
        return np.asarray(self.image)


def on(ink: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return black or white, whichever is readable on a colour (its luma by ITU-R BT.601)."""
    return (0, 0, 0) if np.dot(ink, [0.299, 0.587, 0.114]) > 128 else (255, 255, 255)
