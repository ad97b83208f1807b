"""A picture of any size as the input of a network that classifies: its middle, at the size of the input."""

import numpy as np
from PIL import Image

from xnorforge.core.errors import UserError


def fitted(picture: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the largest centred part with the input's proportions, scaled (bilinear over all pixels that it
    covers).

    Args:
        picture: uint8 (H, W, 3), RGB.
        shape: shape of the input, (C, rows, columns); with C = 1 the picture becomes grey (luma of ITU-R
            BT.601).

    Returns:
        uint8, of that shape.

    Raises:
        UserError: the input has neither 1 nor 3 channels.
    """
    channels, rows, columns = shape
    if channels not in (1, 3):
        raise UserError(
            f"picture: the network takes images of {channels} channels, but a picture has 1 or 3; give the "
            "images as an array."
        )
    image = Image.fromarray(picture)
    scale = min(image.width / columns, image.height / rows)
    wide, tall = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (image.width - wide) // 2, (image.height - tall) // 2
    middle = image.crop((left, top, left + wide, top + tall))
    small = middle.resize((columns, rows), Image.Resampling.BILINEAR)
    found = np.asarray(small.convert("L" if channels == 1 else "RGB"))
    return np.ascontiguousarray(found.reshape(rows, columns, channels).transpose(2, 0, 1))


def bright_on_dark(images: np.ndarray) -> np.ndarray:
    """A grey image, uint8 (1, H, W), inverted if its border is light, as MNIST is light on dark."""
    border = np.concatenate([images[0, [0, -1]].ravel(), images[0, 1:-1, [0, -1]].ravel()])
    return 255 - images if border.mean() > 127 else images
