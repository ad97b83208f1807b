"""Integers of any width: int64 arrays up to 62 bits, arrays of Python integers beyond.

62 and not 64, so that the sum of two numbers, or twice a number, needs no thought. The bits of a stream, or
the known range of a tensor, decide which of the two it is. No float carries a number that it could round.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.types import Ints

INT64_BITS = 62  # two's complement; wider integers are Python's
FLOAT32_BITS = 24  # float32 holds every integer up to 2^24
LIMB = 32


def as_width(numbers: ArrayLike, bits: int) -> np.ndarray:
    """Whole numbers of any type, also as text, as an array of integers of `bits` bits: int64, or objects."""
    numbers = np.asarray(numbers)
    if bits <= INT64_BITS and numbers.dtype.kind in "biuf":
        return numbers.astype(np.int64, copy=False)
    return _python(numbers) if bits > INT64_BITS else _python(numbers).astype(np.int64)


def whole_numbers(numbers: ArrayLike) -> np.ndarray:
    """Whole numbers of any type, also as text, in the form that the largest of them needs."""
    numbers = np.asarray(numbers)
    if numbers.dtype.kind in "OSU":
        numbers = _python(numbers)
    bits = width_of(numbers)
    return as_width(numbers, bits)


def width_of(numbers: ArrayLike) -> int:
    """Bits of two's complement that hold all of the numbers.

    >>> width_of(np.array([-8, 7])), width_of(np.array([8]))
    (4, 5)
    """
    numbers = np.asarray(numbers)
    if not numbers.size:
        return 1
    return max(int(numbers.max()), -int(numbers.min()) - 1, 0).bit_length() + 1


def times(one: np.ndarray, other: ArrayLike) -> np.ndarray:
    """Products of integers, element by element, exactly."""
    bits = width_of(one) + width_of(other)
    return as_width(one, bits) * as_width(other, bits)


def plus(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sums of integers, element by element."""
    bits = max(width_of(one), width_of(other)) + 1
    return as_width(one, bits) + as_width(other, bits)


def weighted_sum(terms: Sequence[np.ndarray], factors: Iterable[np.ndarray]) -> np.ndarray:
    """Sum of integers (…, C), each times factors (terms, C), exactly."""
    factors = [whole_numbers(row) for row in factors]
    reach = sum(_largest(x) * _largest(m) for x, m in zip(terms, factors, strict=True))
    if reach.bit_length() >= INT64_BITS:
        terms = [_python(x) for x in terms]
    total = terms[0] * factors[0]
    for x, m in zip(terms[1:], factors[1:]):
        total = total + x * m
    return total


def stored(numbers: ArrayLike) -> np.ndarray:
    """Integers as a tensor of an ONNX file: int64, or decimal text where one needs more than 64 bits."""
    numbers = np.asarray(numbers)
    if numbers.dtype.kind in "biuf" or width_of(numbers) <= 64:
        return numbers.astype(np.int64)
    return np.array([str(int(x)).encode() for x in numbers.ravel()], object).reshape(numbers.shape)


def for_npz(numbers: ArrayLike) -> np.ndarray:
    """As `stored`, for an npz file: text of one length, which needs no pickle."""
    numbers = stored(numbers)
    return numbers if numbers.dtype != object else numbers.astype(np.bytes_)


def limbs(numbers: ArrayLike, bits: int) -> list[np.ndarray]:
    """Two's complement of `bits` bits in pieces of 32, the lowest first, each int64 0 .. 2^32 - 1."""
    numbers, count = as_width(numbers, bits), -(-bits // LIMB)
    return [((numbers >> LIMB * k) & (2**LIMB - 1)).astype(np.int64) for k in range(count)]


def of_limbs(pieces: Sequence[np.ndarray], bits: int, signed: bool) -> np.ndarray:
    """The numbers of such pieces."""
    total = sum(as_width(piece, bits) << LIMB * k for k, piece in enumerate(pieces))
    total = as_width(total, bits) & ((1 << bits) - 1)
    return total - ((total >> (bits - 1)) << bits) if signed else total


def drawn(rng: np.random.Generator, low: int, high: int, shape: Ints) -> np.ndarray:
    """Random integers low .. high - 1, all about equally likely."""
    if low > -(2**INT64_BITS) and high < 2**INT64_BITS:
        return rng.integers(low, high, shape)
    bits = (high - low).bit_length() + LIMB
    pieces = [rng.integers(0, 2**LIMB, shape) for _ in range(-(-bits // LIMB))]
    return low + (of_limbs(pieces, bits, False) * (high - low) >> bits)


def _python(numbers) -> np.ndarray:
    numbers = np.asarray(numbers)
    if numbers.dtype.kind in "biu":
        return numbers.astype(object)
    if numbers.dtype.kind == "f":
        return numbers.astype(np.int64).astype(object)
    return np.asarray(_to_int(numbers), object).reshape(numbers.shape)


_to_int = np.frompyfunc(int, 1, 1)


def _largest(numbers) -> int:
    numbers = np.asarray(numbers)
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if numbers.size else 0
