"""Samples for an imported network: how they become integers of its input, and the error of that rounding."""

from dataclasses import dataclass, field
from math import ceil, log2
from pathlib import Path

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.input_format import InputFormat, fixed_point_format
from xnorforge.core.limits import most
from xnorforge.core.types import Record

NOISE = 1000  # number of random samples if none are given, fewer if they are large
SEED = 1


@dataclass(frozen=True)
class Samples:
    """Samples and what is known about them.

    Attributes:
        values: (N, *shape of the input): uint8 pixels, integers of the accelerator's input, or floats as the
            network takes them; None: random integers are drawn.
        labels: int64 (N,) of classes or (N, H, W) of cells, -1 where unknown; empty if there are none.
        what: a phrase that describes the samples.
        pixels: `values` are pixels, black 0 and white 255, whatever integers the input takes.
        classes: number of classes of the labels, if they come with the data set of a task; the labels apply
            only to a network with that number of outputs.
        names: class names, if folders give them.
    """

    values: np.ndarray | None
    labels: np.ndarray
    what: str
    pixels: bool = False
    classes: int | None = None
    names: list[str] = field(default_factory=list)


def probe_pixels(samples: Samples, shape: tuple[int, ...], count: int) -> np.ndarray:
    """A few pixels 0 .. 255 in the layout of the network's input, (N, *shape): from the samples, or noise."""
    if samples.values is not None and samples.pixels:
        return samples.values[:count]
    return np.random.default_rng(SEED).integers(0, 256, (count, *shape), dtype=np.uint8)


def sample_integers(
    samples: Samples, form: InputFormat, shape: tuple[int, ...], cut: bool, where: str | Path
) -> np.ndarray:
    """The samples as integers of the input, int64 (N, *shape of the samples).

    Args:
        form: the input's format.
        shape: of the input, without the batch.
        cut: saturate floats beyond the range, as a quantiser of the network does or as was requested.
        where: the network's file, for messages.

    Raises:
        UserError: the samples have another shape, do not fit the integers, or are not finite.
    """
    if samples.values is None:
        count = max(2, min(NOISE, most("ELEMENTS") // int(np.prod(shape))))
        kind = np.uint8 if (form.lo, form.hi) == (0, 255) else np.int64
        return np.random.default_rng(SEED).integers(form.lo, form.hi + 1, (count, *shape), kind)
    values = samples.values
    given = values.shape[1:]
    if np.prod(shape) != np.prod(given) or (len(shape) == 3 and tuple(shape) != given):
        raise UserError(
            f"{where}: the network takes {_times(shape)} numbers, but the images are {_times(given)}; give "
            "images of the network's own shape."
        )
    if not len(values):
        raise UserError(f"{where}: no images were given; give at least two.")
    if samples.pixels:
        return form.of_pixels(values)
    low, high = values.min(), values.max()
    if values.dtype.kind in "iub":
        if low < form.lo or high > form.hi:
            raise UserError(
                f"{where}: the images range over {low} .. {high}, but the input takes {form.name}, {form.lo} "
                f".. {form.hi}; set INPUT= to a format with that range, or give the floats that the network "
                "expects."
            )
        return values.astype(np.int64)
    if not np.isfinite(values).all():
        raise UserError(f"{where}: the images contain numbers that are not finite; remove them.")
    ends = form.values(np.array([form.lo, form.hi])).astype(np.float64)
    half = form.scale / 2
    if not cut and (low < ends[0] - half or high > ends[1] + half):
        raise UserError(
            f"{where}: the images range over {low:.6g} .. {high:.6g}, but {form.words} covers "
            f"{ends[0]:.6g} .. {ends[1]:.6g}; give INPUT=float:<calibration.npz>, which chooses a "
            "fixed-point input for them."
        )
    return form.nearest(values)


def _times(shape) -> str:
    return "x".join(map(str, shape))


def fixed_point_for(values: np.ndarray, bits: int) -> InputFormat:
    """The fixed-point format of `bits` bits with the most fractional bits that still covers the floats."""
    low, high = float(values.min()), float(values.max())
    signed = low < 0
    whole = ceil(log2(max(-low, high))) + signed if max(-low, high) > 0 else int(signed)
    while True:
        form = fixed_point_format(whole, bits - whole, signed)
        if high <= (form.hi + 0.5) * form.scale and low >= (form.lo - 0.5) * form.scale:
            return form
        whole += 1


def rounding_error(form: InputFormat, values: np.ndarray, integers: np.ndarray) -> Record:
    """Quantisation error of float samples: `max_error` in the network's units, and how many were `cut`."""
    apart = abs(form.values(integers).astype(np.float64) - values)
    beyond = (apart > 0.50001 * form.scale) & ((integers == form.lo) | (integers == form.hi))
    return {"max_error": float(apart.max()), "cut": int(beyond.sum()), "numbers": int(values.size)}
