"""One object followed through a sequence, from the responses of a template to windows of three sizes.

The procedure is SiamFC's (L. Bertinetto et al., "Fully-Convolutional Siamese Networks for Object Tracking",
ECCV 2016 workshops): learn the object's surroundings once; then look for them in windows around the last
place, one smaller and one larger than before; prefer staying; go where the answer is largest. Per frame:

    responses = accelerator(windows(frame, state))       integers (3, rows, columns)
    state = follow(state, responses, frame)              state.box is the answer, state.lost a warning
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Rules:
    """Parameters. Sizes are those of the network; the others were set once and not tuned.

    Attributes:
        exemplar, search: sides of the two inputs, pixels; search is twice exemplar.
        stride: input pixels per cell of the response.
        finer: points per cell after bicubic interpolation.
        step: size ratio of neighbouring windows, > 1.
        penalty: 0 .. 1, factor of the best response of the smaller and of the larger window.
        hann: 0 .. 1, weight of a window that prefers the present place.
        rate: 0 .. 1, how fast the size follows the best window.
        least, most: bounds of the side, relative to the first.
        alike: response where all bits of the template agree.
        unsure, patience: an object is lost where fewer bits than this share agree in so many frames.
    """

    exemplar: int = 64
    search: int = 128
    stride: int = 4
    finer: int = 8
    step: float = 1.05
    penalty: float = 0.97
    hann: float = 0.25
    rate: float = 0.4
    least: float = 0.3
    most: float = 3.0
    alike: int = 8192
    unsure: float = 0.65
    patience: int = 5


RULES = Rules()
FACTORS = 1 / RULES.step, 1.0, RULES.step  # of the sides of the three windows


@dataclass(frozen=True)
class State:
    """Where the object is.

    Attributes:
        centre, size: float (2,), x and y, pixels of the picture.
        side: of the square that fills the exemplar: the box and half its mean side around it.
        first_side: side in the first frame.
        confidence: 0 .. 1, share of the template's bits that agree at the place found; half by chance.
        unsure: frames in a row in which this share was too small.
        lost: whether these are so many that the box is likely to be elsewhere.
    """

    centre: np.ndarray
    size: np.ndarray
    side: float
    first_side: float
    confidence: float = 1.0
    unsure: int = 0
    lost: bool = False

    @property
    def box(self) -> np.ndarray:
        """float (4,): x0, y0, x1, y1, pixels of the picture."""
        return np.concatenate([self.centre - self.size / 2, self.centre + self.size / 2])


def start_track(box: Sequence[float] | np.ndarray) -> State:
    """The state in the first frame, from the box given there: (4,), x0, y0, x1, y1."""
    box = np.asarray(box, float)
    size = box[2:] - box[:2]
    side = float(np.sqrt((size + size.mean()).prod()))
    return State((box[:2] + box[2:]) / 2, size, side, side)


def crop(picture: np.ndarray, centre: Sequence[float] | np.ndarray, side: float, pixels: int) -> np.ndarray:
    """Return a square of the picture, scaled; beyond the border it has the picture's mean colour.

    Args:
        picture: uint8 (H, W, 3).
        centre: (x, y) and side: of the square, pixels of the picture.
        pixels: side of the result.

    Returns:
        uint8 (pixels, pixels, 3), bilinear; a picture that shrinks to less than half is averaged first.
    """
    image = Image.fromarray(picture)
    mean = tuple(int(value) for value in np.asarray(image.resize((8, 8), Image.Resampling.BOX)).mean((0, 1)))
    reduce = max(1, int(side / pixels))
    if reduce > 1:
        image, centre, side = image.reduce(reduce), np.asarray(centre) / reduce, side / reduce
    step, (left, top) = side / pixels, np.asarray(centre) - side / 2
    affine = (step, 0, left, 0, step, top)
    bilinear = Image.Resampling.BILINEAR
    return np.asarray(
        image.transform((pixels, pixels), Image.Transform.AFFINE, affine, bilinear, fillcolor=mean)
    )


def exemplar(picture: np.ndarray, state: State) -> np.ndarray:
    """The object with its surroundings, for the template: uint8 (exemplar, exemplar, 3)."""
    return crop(picture, state.centre, state.side, RULES.exemplar)


def search_windows(picture: np.ndarray, state: State) -> np.ndarray:
    """The windows to search: uint8 (3, search, search, 3), a smaller, an equal, a larger square."""
    side = state.side * RULES.search / RULES.exemplar
    return np.stack([crop(picture, state.centre, side * factor, RULES.search) for factor in FACTORS])


def peak(responses: np.ndarray, rules: Rules = RULES) -> tuple[int, np.ndarray]:
    """Return the best window, and the offset of the object from its centre.

    Args:
        responses: int or float (3, n, n), n odd: any scale, larger is more similar.

    Returns:
        0, 1 or 2: the window; and float (2,): x and y, in pixels of the search input.
    """
    resize = _cubic(responses.shape[1], rules.finer)
    fine = resize @ np.asarray(responses, float) @ resize.T
    tops = fine.max((1, 2))
    tops[[0, 2]] -= np.abs(tops[[0, 2]]) * (1 - rules.penalty)
    best = max((1, 0, 2), key=lambda window: tops[window])  # of equal ones, the size stays
    answer = fine[best] - fine[best].min()
    answer /= answer.sum() or 1
    hann = np.hanning(len(answer))
    stay = np.outer(hann, hann) / hann.sum() ** 2
    mixed = (1 - rules.hann) * answer + rules.hann * stay
    row, column = np.unravel_index(np.argmax(mixed), mixed.shape)
    return best, (np.array([column, row]) - len(answer) // 2) * rules.stride / rules.finer


def follow(state: State, responses: np.ndarray, picture: np.ndarray) -> State:
    """The next state from the responses to `windows(picture, state)`; the centre stays in the picture."""
    rules, (best, away) = RULES, peak(responses)
    factor = FACTORS[best]
    centre = state.centre + away * state.side * factor / rules.exemplar
    side = state.side * (1 - rules.rate + rules.rate * factor)
    side = float(np.clip(side, rules.least * state.first_side, rules.most * state.first_side))
    confidence = (1 + float(np.max(responses[best])) / rules.alike) / 2
    unsure = state.unsure + 1 if confidence < rules.unsure else 0
    return replace(
        state, centre=np.clip(centre, 0, picture.shape[1::-1]), size=state.size * side / state.side,
        side=side, confidence=confidence, unsure=unsure, lost=unsure >= rules.patience,
    )  # fmt: skip


def _cubic(count: int, finer: int) -> np.ndarray:
    """float64 ((count - 1) * finer + 1, count): cubic interpolation with a = -0.75, corners aligned, border
    held.

    R. G. Keys, "Cubic convolution interpolation for digital image processing", 1981; torch's bicubic."""
    at = np.arange((count - 1) * finer + 1) / finer
    matrix = np.zeros((len(at), count))
    for cell in range(-2, count + 2):
        away = np.abs(at - cell)
        inner = 1.25 * away**3 - 2.25 * away**2 + 1
        outer = -0.75 * (away**3 - 5 * away**2 + 8 * away - 4)
        weight = np.where(away <= 1, inner, np.where(away < 2, outer, 0))
        matrix[:, np.clip(cell, 0, count - 1)] += weight
    return matrix
