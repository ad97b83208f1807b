"""What operators check of their streams and folding, and share."""

from collections.abc import Iterable

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import INT64_BITS, as_width, width_of


def divisors(number: int) -> list[int]:
    """All divisors, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def check_divides(name: str, attribute: str, value: int, what: str, total: int) -> None:
    """Raise UserError unless `value` lanes divide `total` elements."""
    if value < 1 or total % value:
        raise UserError(
            f"{name}: {attribute}={value} does not divide {what}={total}; use one of {divisors(total)}."
        )


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of an element.

    >>> value_range(8, True)
    (-128, 127)
    """
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def signed_bits(low: int, high: int) -> int:
    """Bits of two's complement that hold low .. high.

    >>> signed_bits(-128, 5), signed_bits(0, 5)
    (8, 4)
    """
    return max(int(high), -int(low) - 1, 0).bit_length() + 1


def kind_of(low: int, high: int) -> tuple[int, bool]:
    """Bits and sign of the narrowest element that holds low .. high.

    >>> kind_of(0, 0), kind_of(0, 5), kind_of(-1, 0)
    ((1, False), (3, False), (2, True))
    """
    return max(signed_bits(low, high) - (low >= 0), 1 + (low < 0)), low < 0


def wrapped(values: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    """Integers modulo 2**bits, as the elements of that width.

    >>> wrapped(np.array([127, 128, -129]), 8, True)
    array([ 127, -128,  127])
    """
    if width_of(values) >= INT64_BITS or bits > INT64_BITS:
        values = as_width(values, INT64_BITS + 1)
    low, _ = value_range(bits, signed)
    return as_width((values - low) % 2**bits + low, bits)


def packed(values: Iterable[int], bits: int) -> tuple[int, int]:
    """Numbers of `bits` bits side by side, the first lowest, as a parameter: (bits in all, number).

    >>> packed([1, 2, -1], 4)
    (12, 3873)
    """
    values = [int(value) % 2**bits for value in values]
    return bits * len(values), sum(value << (bits * index) for index, value in enumerate(values))
