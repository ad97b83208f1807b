"""bits.cpp for Python: its structures, and its functions on arrays, whose types and layout are checked here.

The functions run beside each other in threads, and no network needs another one.
"""

import ctypes
from collections.abc import Sequence
from ctypes import c_bool, c_int32, c_int64, c_void_p
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from xnorforge.core.native import load_compiled
from xnorforge.core.types import Ints, Record

CODE = Path(str(files("xnorforge.sim") / "bits" / "bits.cpp"))
LANES = 16  # results that lie side by side in the weights
STRIP = 48  # columns of windows whose tables of sums stay in the first-level cache


def address(x: np.ndarray, kind: type | None = None) -> int:
    """Where an array's elements lie, of that type if any, one behind the other.

    Raises:
        TypeError: they do not, or are of another type.
    """
    if (kind is not None and x.dtype != kind) or not x.flags.c_contiguous:
        raise TypeError(f"an array of {x.dtype}, strides {x.strides}, where {kind} side by side is needed")
    return x.ctypes.data


def _aligned(values: np.ndarray) -> np.ndarray:
    """A copy, C-contiguous, that starts at a multiple of 64 bytes, as vectors have to."""
    room = np.zeros(values.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    copy[...] = values
    return copy


def fields(names: str, kinds: Record) -> list[tuple[str, Any]]:
    """The fields of a structure: int64, or the address of an array of one of these kinds."""
    return [(name, c_void_p if name in kinds else c_int64) for name in names.split()]


class Described(ctypes.Structure):
    """A structure of bits.cpp, from numbers and arrays by name; it keeps copies of the arrays."""

    KINDS: ClassVar[dict[str, type]] = {}

    def __init__(self, **given: Any):
        self.arrays = {name: _aligned(x) for name, x in given.items() if isinstance(x, np.ndarray)}
        super().__init__(**given | {name: address(x, self.KINDS[name]) for name, x in self.arrays.items()})


class Windows(Described):
    """Where windows lie in images; `axes` are three times number, bytes to the next, results to the next."""

    KINDS: ClassVar[dict[str, type]] = {"places": np.int64, "taps": np.int64}
    _fields_ = [*fields("places words taps tap_count", KINDS), ("axes", c_int64 * 9)]

    @classmethod
    def of(cls, places: Ints, axes: Sequence[Ints], taps: Ints = (0,)) -> "Windows":
        """From the distances of words, those of pooled windows, and the axes."""
        flat = (c_int64 * 9)(*(number for axis in axes for number in axis))
        arrays = {"places": np.array(places, np.int64), "taps": np.array(taps, np.int64)}
        return cls(words=len(places), tap_count=len(taps), axes=flat, **arrays)


class Matrix(Described):
    """Rows of binary weights, int32 (blocks, words of a window, 2, wide); limits int32 (rows,) or None."""

    KINDS: ClassVar[dict[str, type]] = {"weights": np.int32, "limits": np.int32}
    _fields_ = fields("weights blocks wide length limits", KINDS)


class Joining(Described):
    """A sum of equal bits and another stream, all int32 (rows,), and its comparison, uint8 (rows / 8,)."""

    KINDS: ClassVar[dict[str, type]] = dict.fromkeys(("starts", "factors", "others", "least"), np.int32) | {
        "inverted": np.uint8
    }
    _fields_ = fields("starts factors others least inverted low mask", KINDS)


class IntMatrix(Described):
    """Rows of integer weights, int32 (blocks, words of a window, wide); limits int32 (rows,) or None."""

    KINDS: ClassVar[dict[str, type]] = dict.fromkeys(("weights", "offsets", "limits"), np.int32)
    _fields_ = fields("weights blocks wide bytes offsets limits", KINDS)


class SignTables(Described):
    """Tables of sums, see bits.cpp."""

    KINDS: ClassVar[dict[str, type]] = {"signs": np.int8, "offsets": np.int64, "places": np.int64}
    KINDS |= dict.fromkeys(("indices", "limits", "starts"), np.int16)
    _fields_ = fields(
        "signs offsets kinds indices blocks tables limits starts places depth images image_bytes rows "
        "row_bytes down columns right result_bytes",
        KINDS,
    )


class Pool(Described):
    """Images (images, height, breadth, channels), and windows (down, across) in them."""

    _fields_ = fields("images height breadth channels down across", {})


class Merge(Described):
    """Images of words, where they lie in padded ones, and how many pixels are joined."""

    _fields_ = fields("images height breadth top left fill bits many rows columns words", {})


@cache
def functions() -> ctypes.CDLL:
    """bits.cpp, compiled. Addresses and numbers fill a register each, but for 32-bit numbers and bool."""
    found = load_compiled(CODE)
    at, number = c_void_p, c_int64
    found.count_windows.argtypes = found.sum_windows.argtypes = [at, at, at, at, number]
    found.join_windows.argtypes = [at, at, at, at, at, at, at, number]
    found.look_up_windows.argtypes = found.sum_pixels.argtypes = found.merge_pixels.argtypes = [at, at, at]
    found.reach.argtypes = [at, number, number, at, at, at, number]
    found.count_levels.argtypes = [at, number, number, at, number, at, at]
    found.add_weighted.argtypes = [at, at, number, number, number, c_int32, c_int32, at]
    found.pool_words.argtypes = [at, at, c_bool, at]
    found.place_pixels.argtypes = [at, number, number, number, at, number, at, number]
    found.interleave_planes.argtypes = [at, number, number, number, at]
    found.has_byte_products.restype = found.has_short_lookups.restype = c_bool
    return found


def byte_products() -> bool:
    """Whether four products of bytes are one instruction, without which `sum_windows` takes no bytes."""
    return functions().has_byte_products()


def short_lookups() -> bool:
    """Whether this processor has the instruction that `look_up_windows` needs."""
    return functions().has_short_lookups()


def _row(out: np.ndarray) -> int:
    """Bytes of a result, the last axis."""
    return out.shape[-1] * out.itemsize


def count_windows(matrix: Matrix, windows: Windows, image: np.ndarray, out: np.ndarray) -> None:
    """Binary dot products of windows: bits, whether few enough bits are unequal, in any of the pooled
    windows; or int32 numbers of equal bits.

    Args:
        image: uint64, where the windows lie.
        out: (…, words or numbers of a result), overwritten.
    """
    functions().count_windows(
        ctypes.byref(matrix), ctypes.byref(windows), address(image, np.uint64), address(out), _row(out)
    )


def join_windows(
    matrix: Matrix, windows: Windows, joining: Joining, image: np.ndarray, other: np.ndarray,
    sums: np.ndarray, bits: np.ndarray,
) -> None:  # fmt: skip
    """As `count_windows`, the numbers joined with another stream, int32, to sums, int32, and bits
    of their comparison, uint64 (…, words); both are overwritten."""
    numbers = (address(x, np.int32) for x in (other, sums))
    structures = map(ctypes.byref, (matrix, windows, joining))
    functions().join_windows(*structures, address(image, np.uint64), *numbers, address(bits), _row(bits))


def sum_windows(matrix: IntMatrix, windows: Windows, image: np.ndarray, out: np.ndarray) -> None:
    """Integer dot products of windows of `image`, int32, or bits, whether they reach their limits."""
    functions().sum_windows(
        ctypes.byref(matrix), ctypes.byref(windows), address(image), address(out), _row(out)
    )


def look_up_windows(tables: SignTables, image: np.ndarray, out: np.ndarray) -> None:
    """Whether sums of bytes times signs reach a limit; of an image uint8 with 5 more bytes behind it."""
    functions().look_up_windows(ctypes.byref(tables), address(image, np.uint8), address(out))


def reach(x: np.ndarray, thresholds: np.ndarray, inverted: np.ndarray, out: np.ndarray) -> None:
    """Bits of numbers int32 (pixels, C) that reach their channel's threshold, int32 (C or more,).

    Args:
        inverted: uint8 (bytes of as many bits,), 1 where the bit is inverted; bits beyond C are 0.
        out: uint64 (…, words of a pixel), overwritten where there are channels.
    """
    given = address(thresholds, np.int32), address(inverted, np.uint8)
    functions().reach(address(x, np.int32), *x.shape, *given, address(out, np.uint64), _row(out))


def count_levels(x: np.ndarray, thresholds: np.ndarray, inverted: np.ndarray, out: np.ndarray) -> None:
    """How many thresholds int32 (steps, K) numbers int32 (rows, K) reach, or do not where
    `inverted`, uint8 (K,), is 1; uint8 (rows, K), overwritten."""
    given = address(thresholds, np.int32), len(thresholds), address(inverted, np.uint8)
    functions().count_levels(address(x, np.int32), *x.shape, *given, address(out, np.uint8))


def add_weighted(
    streams: list[np.ndarray], factors: list[np.ndarray], low: int, mask: int, out: np.ndarray
) -> None:
    """The sum of streams int32 (rows, K), each times its factors int32 (K,), modulo mask + 1, a
    power of two, to low .. low + mask; int32 (rows, K), overwritten."""
    lists = ((c_void_p * len(one))(*(address(x, np.int32) for x in one)) for one in (streams, factors))
    functions().add_weighted(*lists, len(streams), *out.shape, low, mask, address(out, np.int32))


def room_for_pool(image: np.ndarray, down: int, across: int) -> tuple[Pool, np.ndarray]:
    """A pool of an image (N, H, W, any) without overlap, and room for its results."""
    images, height, breadth, channels = image.shape
    sizes = {"images": images, "height": height, "breadth": breadth, "channels": channels}
    out = np.empty((images, height // down, breadth // across, channels), image.dtype)
    return Pool(**sizes, down=down, across=across), out


def sum_pixels(image: np.ndarray, down: int, across: int) -> np.ndarray:
    """Sums over windows (down, across) of an image int32 (N, H, W, C)."""
    pool, out = room_for_pool(image, down, across)
    functions().sum_pixels(ctypes.byref(pool), address(image, np.int32), address(out))
    return out


def pool_words(image: np.ndarray, down: int, across: int, every: bool) -> np.ndarray:
    """OR, or with `every` AND, of the words of windows (down, across) of an image uint64 (N, H, W, words)."""
    pool, out = room_for_pool(image, down, across)
    functions().pool_words(ctypes.byref(pool), address(image, np.uint64), every, address(out))
    return out


def place_channels(x: np.ndarray, at: int, out: np.ndarray) -> None:
    """out[..., at : at + C] = x, of an image (N, H, W, C) whose channels lie side by side."""
    if x.dtype != out.dtype or x.shape[:3] != out.shape[:3] or x.strides[3] != x.itemsize:
        raise TypeError(f"pixels {x.dtype} {x.shape} for {out.dtype} {out.shape}")
    strides = (c_int64 * 3)(*x.strides[:3])
    to = address(out) + at * out.itemsize
    functions().place_pixels(
        x.ctypes.data, *x.shape[:3], strides, x.shape[3] * x.itemsize, to, out.shape[3] * out.itemsize
    )


def interleave_planes(planes: np.ndarray, out: np.ndarray) -> None:
    """Planes uint8 (N, C, H * W) to pixels uint8 (N, H * W, C), overwritten."""
    functions().interleave_planes(address(planes, np.uint8), *planes.shape, address(out, np.uint8))


def merge_pixels(
    image: np.ndarray, top: int, left: int, fill: int, bits: int, many: int, out: np.ndarray
) -> None:
    """Of padded images the bits of `many` pixels side by side, one behind the other.

    Args:
        image: uint64 (N, H, W), `bits` (64 at most) of each pixel.
        top, left: where they lie in the padded ones, whose other pixels are `fill`.
        out: uint64 (N, padded H, padded W - many + 1, words), overwritten: pixels and those to the right.
    """
    names = ("images", "height", "breadth", "rows", "columns", "words")
    sizes = dict(zip(names, (*image.shape, *out.shape[1:])))
    merge = Merge(**sizes, top=top, left=left, fill=fill, bits=bits, many=many)
    functions().merge_pixels(ctypes.byref(merge), address(image, np.uint64), address(out, np.uint64))
