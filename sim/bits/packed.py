"""Packed bit tensors: 64 bits of a segment per word."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.hw.any_width import as_width
from xnorforge.hw.ops.base import Stream

Step: TypeAlias = Callable[..., Any]  # of a value per stream, `Packed` or integers; maybe with notes


@dataclass  # not frozen: that takes five times as long to make
class Packed:
    """Bits of N frames, cut into segments that start on a word of their own.

    A segment is what one pixel holds (its channels); windows and flattened images are rows of whole segments,
    so neither moves a bit. Unused bits of a segment's last word are 0.

    Attributes:
        words: uint64 (N, segments, words per segment), bit c of a segment in word c // 64 at c % 64.
        bits: bits per segment.
    """

    words: np.ndarray
    bits: int

    def __len__(self) -> int:
        return len(self.words)

    def rows(self, length: int) -> "Packed":
        """The same bits in rows of `length` bits made of whole segments, else cut anew."""
        return self if length % self.bits == 0 else pack(self.unpack().reshape(len(self.words), -1, length))

    def unpack(self) -> np.ndarray:
        """The bits as uint8 (N, segments, bits)."""
        raw = np.ascontiguousarray(self.words).view(np.uint8)
        return np.unpackbits(raw, axis=-1, bitorder="little")[..., : self.bits]


def pack(bits: ArrayLike) -> Packed:
    """Bits (N, …, C) of any integer type; the last axis becomes the segment."""
    bits = np.asarray(bits)
    bits = np.ascontiguousarray(bits.reshape(len(bits), -1, bits.shape[-1]), np.uint8)
    words = -(-bits.shape[-1] // 64)
    raw = np.packbits(bits, axis=-1, bitorder="little")
    raw = np.ascontiguousarray(np.pad(raw, ((0, 0), (0, 0), (0, 8 * words - raw.shape[-1]))))
    return Packed(raw.view("<u8"), bits.shape[-1])


def joined_segments(parts: Sequence[Packed]) -> Packed:
    """Segments of several tensors (N, segments) joined to one segment each."""
    total = sum(part.bits for part in parts)
    at, words = 0, -(-total // 64)
    out = np.zeros((*parts[0].words.shape[:2], words), np.uint64)
    for part in parts:
        first, shift = divmod(at, 64)
        for k in range(part.words.shape[2]):
            out[:, :, first + k] |= part.words[:, :, k] << np.uint64(shift)
            if shift and first + k + 1 < words:
                out[:, :, first + k + 1] |= part.words[:, :, k] >> np.uint64(64 - shift)
        at += part.bits
    return Packed(out, total)


def as_stream(x: Any, stream: Stream) -> Any:
    """A value as its stream asks for: `Packed` of single unsigned bits, else integers of any type
    that holds them. Windows that are not cut out stay so."""
    if hasattr(x, "cut"):
        return x
    if stream.bits > 1 or stream.signed:
        return x.unpack().reshape(-1, *stream.shape) if isinstance(x, Packed) else x
    return x if isinstance(x, Packed) else pack(x.reshape(-1, *stream.shape))


def as_integers(x: Any, stream: Stream) -> np.ndarray:
    """A value as integers (N, *shape), packed or not, in the form of their width (`hw/any_width.py`)."""
    x = x.cut() if hasattr(x, "cut") else x
    plain = x.unpack() if isinstance(x, Packed) else x
    return as_width(plain, stream.bits).reshape(-1, *stream.shape)
