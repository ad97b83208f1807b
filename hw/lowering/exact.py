"""Tensors in exact arithmetic: integers times one rational unit."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.hw.any_width import as_width, times, whole_numbers, width_of

from .evaluation import float_ratio
from .values import F32, common_grid

UNIT = 2.0**-24  # relative error of one float32 operation
FLOAT64_BITS = 53
FLOAT = np.dtype(F32)


@dataclass(frozen=True)
class Exact:
    """A tensor numbers * unit.

    Attributes:
        numbers: int64, or Python integers where they are wider. unit: rational, above 0.
        rounding: how far float32 may be off before the next quantiser, from the last sum on.
        kind: type of the tensor in the file.
    """

    numbers: np.ndarray
    unit: Fraction
    rounding: float = 0.0
    kind: np.dtype = FLOAT

    @property
    def bits(self) -> int:
        """Bits of the longest number in it."""
        unit = max(self.unit.numerator.bit_length(), self.unit.denominator.bit_length())
        return max(width_of(self.numbers), unit)

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        most = int(abs(self.numbers).max(initial=0)) * self.unit.numerator
        return float_ratio(most, self.unit.denominator)

    def floats(self) -> np.ndarray:
        """The numbers in float64."""
        above, below = self.unit.numerator, self.unit.denominator
        if width_of(self.numbers) + above.bit_length() <= FLOAT64_BITS and below < 2**1000:
            return self.numbers * float(above) / float(below)
        return np.asarray(_floats(self.numbers.astype(object) * above, below), np.float64)

    def rounded(self) -> "Exact":
        """The same numbers, with the rounding of one more float32 operation if float32 cannot hold them."""
        below = self.unit.denominator
        if width_of(self.numbers) + self.unit.numerator.bit_length() <= 25 and not below & (below - 1):
            return self
        return replace(self, rounding=self.rounding + 2 * UNIT * self.largest)

    def shaped(self, numbers: np.ndarray) -> "Exact":
        """Other numbers of the same unit."""
        return replace(self, numbers=numbers)


_floats = np.frompyfunc(float_ratio, 2, 1)


def exactly(given: ArrayLike) -> Exact:
    """Floats or integers as they are."""
    x = np.atleast_1d(given)
    x = np.nan_to_num(x) if x.dtype.kind == "f" else x
    if x.dtype.kind in "biu":
        return Exact(x.astype(np.int64), Fraction(1), kind=x.dtype)
    bits = FLOAT64_BITS if x.dtype == np.float64 else 24
    mantissa, exponent = np.frexp(x.astype(np.float64))
    whole = (mantissa * 2.0**bits).astype(np.int64)
    if not whole.any():
        return Exact(whole, Fraction(1), kind=x.dtype)
    least = int(exponent[whole != 0].min())
    shift = np.where(whole == 0, 0, exponent - least)
    numbers = as_width(whole, bits + 1 + int(shift.max())) << shift
    common = int(np.gcd.reduce(numbers.reshape(-1)))
    return Exact(whole_numbers(numbers // common), Fraction(2) ** (least - bits) * common, kind=x.dtype)


def on_one_unit(*given: Exact) -> tuple[list[np.ndarray], Fraction]:
    """The numbers of several tensors in a common unit, and that unit."""
    unit = common_grid([x.unit for x in given])
    return [times(x.numbers, int(x.unit / unit)) for x in given], unit
