"""A picture above its most likely classes, with a bar each."""

import numpy as np
from PIL import Image, ImageDraw

from xnorforge.core.types import Record
from xnorforge.sw.draw.canvas import Canvas, called, colour

SHOWN = 5  # classes, the likeliest ones
WIDEST = 0.4  # of the drawing, for names; a longer name is cut


def draw_bars(picture: np.ndarray, scores: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the picture, uint8 (H, W, 3), above a bar per class whose length is its probability.

    Args:
        scores: float (classes,); their softmax is the probabilities.
        names: names of the first classes.
    """
    canvas, likely = Canvas(picture), _likeliest(scores)
    image, pad, tall = canvas.image, 2 * canvas.line, sum(canvas.font.getmetrics())
    texts = [called(at, names) for at in range(len(scores))]  # of all: a video's drawings are of one size
    length = canvas.font.getlength
    column = round(min(max(map(length, texts)), WIDEST * image.width))
    figure = round(length("100.0 %"))
    whole = Image.new("RGB", (image.width, image.height + len(likely) * (tall + pad) + pad), (255, 255, 255))
    whole.paste(image)
    pen, left = ImageDraw.Draw(whole), 2 * pad + column
    room = max(1, image.width - left - figure - 2 * pad)
    for row, (at, share) in enumerate(likely):
        y = image.height + pad + row * (tall + pad)
        pen.text((pad, y), _cut(texts[at], column, length), font=canvas.font, fill=(0, 0, 0))
        pen.rectangle((left, y, left + room - 1, y + tall - 1), fill=(235, 235, 235))
        if filled := round(share * room):
            pen.rectangle((left, y, left + filled - 1, y + tall - 1), fill=colour(at))
        pen.text((left + room + pad, y), f"{100 * share:.1f} %", font=canvas.font, fill=(0, 0, 0))
    return np.asarray(whole)


def describe_bars(scores: np.ndarray, names: tuple[str, ...]) -> Record:
    """Return the same for a record, the most likely first; `score` is exactly the network's own."""
    rows = [
        {"class": called(at, names), "percent": round(100 * share, 1), "score": float(scores[at])}
        for at, share in _likeliest(scores)
    ]
    return {"likeliest": rows}


def _likeliest(scores: np.ndarray) -> list[tuple[int, float]]:
    """Class and probability; of equal scores the first class stands first, as in hardware."""
    scores = np.asarray(scores, np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    return [(int(at), float(shares[at])) for at in np.argsort(-scores, kind="stable")[:SHOWN]]


def _cut(text: str, widest: int, length) -> str:
    """A text, or its beginning and three dots where it is wider than that."""
    if length(text) <= widest:
        return text
    while text and length(f"{text}…") > widest:
        text = text[:-1]
    return f"{text}…"
