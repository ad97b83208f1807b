"""Comparison of two arrays that must be equal: how many frames differ, and the first difference."""

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record


def frames_unequal(got: np.ndarray, expected: np.ndarray) -> int:
    """Frames (first axis) in which any integer differs; all of the longer array where the shapes differ."""
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        return max(1, *(part.shape[0] for part in (got, expected) if part.ndim))
    return int((got != expected).reshape(len(expected), -1).any(axis=1).sum())


def first_difference(got: np.ndarray, expected: np.ndarray) -> tuple[int, ...] | None:
    """Index of the first unequal integer, frame first, or None; frame 0 where the shapes differ."""
    if np.shape(got) != np.shape(expected):
        return (0,)
    places = np.argwhere(np.asarray(got) != np.asarray(expected))
    return tuple(places[0].tolist()) if len(places) else None


def describe(where: str, what: str, got: np.ndarray, expected: np.ndarray) -> str:
    """One sentence on the first difference: image, position, channel, and both values.

    >>> describe("conv0 (SignMvu)", "RTL", [[[1, 0], [0, 1]]], [[[1, 0], [1, 1]]])
    'conv0 (SignMvu): RTL differs in 1 of 1 images; first in image 0, position (1), channel 0: got 0, expected
        1.'
    """
    got, expected = np.asarray(got), np.asarray(expected)
    if got.shape != expected.shape:
        return f"{where}: {what} has shape {got.shape}, expected {expected.shape}."
    image, *position, channel = np.argwhere(got != expected)[0].tolist()
    place = f"position ({', '.join(map(str, position))}), " if position else ""
    count = frames_unequal(got, expected)
    values = f"got {got[(image, *position, channel)]}, expected {expected[(image, *position, channel)]}"
    images = f"{count} of {len(expected)} images; first in image {image}"
    return f"{where}: {what} differs in {images}, {place}channel {channel}: {values}."


def equal(where: str, what: str, got: np.ndarray, expected: np.ndarray) -> None:
    """Do nothing where the arrays (N, …, C) agree.

    Raises:
        MismatchError: they do not; the text is `describe`'s.
    """
    if frames_unequal(got, expected):
        raise MismatchError(describe(where, what, got, expected))


def compare_arrays(name: str, got: np.ndarray, expected: np.ndarray, what: str) -> Record:
    """The record's line for a comparison (`artifacts.check`)."""
    return artifacts.check(name, len(expected), frames_unequal(got, expected), int(np.size(expected)), what)
