"""Matrix-vector unit of one-bit weights: counts of equal bits (XNOR-popcount), sums of integers, or bits."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._mvu import Folded, Mvu, offset_of_signs
from xnorforge.hw.ops.base import Attributes, Matrix, node_attributes
from xnorforge.hw.streams import check_divides, value_range

from .several import Several
from .wired import Wired

MOST_INPUT_BITS = 12
DEEP = 1024  # words; no more need no choice behind blocks


class SignMvu(Mvu):
    """Count bits that equal their weights, or sum integers times +1 and -1; with thresholds, result >= T.

        matches[row] = number of k with x[k] == weights[k, row]    in_bits=1: (the signed product + mw) / 2
        sum[row] = Σ_k x[k] * (+1 where weights[k, row] is 1, else -1)    in_bits 2 .. 12

    Bits are 0 and 1, for -1 and +1; integers unsigned or two's complement. A threshold out of reach means
    "always" or "never". Counts are UINT 0 .. mw, sums INT, as wide as the largest one.

    Of bits, with simd = mw, pe = mh and thresholds, the weights are wired, where this is smaller: no memory,
    and rows share counts (`wired.py`); with `levels` of 2 or more registers stand only behind every so many
    levels of logic. With `pixels` of 2 or more, that many vectors share each row's weights, at one row per
    cycle: mh cycles per `pixels` vectors (`several.py`); it needs simd = mw, and divides `vectors`.

    Cost: about one LUT per bit of a product in a beat, plus accumulators and memories. A minus sign is free:
    a sum takes the bitwise inverse of x. The constant that this adds, and the threshold, are part of the
    accumulator's start."""

    former = ("XnorMvu", "ByteMvu")
    structures: ClassVar[tuple[type[Folded], ...]] = (Several, Wired, Folded)
    extents: ClassVar[dict[str, str]] = Mvu.extents | {"pixels": "vectors"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = Mvu.styles | {"rom": (*Mvu.styles["rom"], "columns")}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(in_bits=1, in_signed=(0, 1), pixels=1, levels=1)

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Several vectors at a time are whole ones, of bits, and leave no slower than they are made. Columns
        are of words that are deep and no power of two, for bits."""
        simd, pe, pixels, rom = folding["simd"], folding["pe"], folding.get("pixels", 1), folding.get("rom")
        if not super().together(attributes, folding) or (rom == "ultra" and pixels > 1):
            return False
        if attributes.get("in_bits", 1) > 1:
            return pixels == 1 and rom != "columns"
        if rom == "columns":
            words = attributes["mw"] // simd * (attributes["mh"] // pe)
            return pixels == 1 and words > DEEP and words & (words - 1) > 0
        return pixels == 1 or (simd == attributes["mw"] and pixels <= pe)

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        """Several vectors at a time are of bits."""
        return super().sizes(attributes) | ({} if attributes.get("in_bits", 1) == 1 else {"pixels": 1})

    def folding(self):
        """As every matrix unit; UserError also where pixels do not divide the vectors or fit simd and pe."""
        mw, mh, simd, pe = super().folding()
        pixels, vectors = self.get_nodeattr("pixels"), self.get_nodeattr("vectors")
        check_divides(self.name, "pixels", pixels, "vectors", vectors)
        if not self.together({"mw": mw, "in_bits": self.in_bits}, {"simd": simd, "pe": pe, "pixels": pixels}):
            raise UserError(
                f"{self.name}: pixels={pixels} needs bits, simd={mw} (= mw) and pe of {pixels} or more, "
                f"got in_bits={self.in_bits}, simd={simd}, pe={pe}."
            )
        return mw, mh, simd, pe

    @property
    def rows(self) -> int:
        """Rows whose weights make a word: one where several vectors share it."""
        return self.get_nodeattr("pe") if self.get_nodeattr("pixels") == 1 else 1

    @property
    def in_bits(self) -> int:
        """Bits of an input element."""
        bits, signed = self.get_nodeattr("in_bits"), self.get_nodeattr("in_signed")
        if not 1 + signed <= bits <= MOST_INPUT_BITS:
            raise UserError(
                f"{self.name}: in_bits={bits} with in_signed={signed} is outside {1 + signed} .. "
                f"{MOST_INPUT_BITS}; use IntMvu for wider integers."
            )
        return bits

    @property
    def priced_as(self) -> str:
        return "XnorMvu" if self.counts else "ByteMvu"

    @property
    def counts(self) -> bool:
        """Whether results are numbers of equal bits."""
        return self.in_bits == 1

    @property
    def result_signed(self) -> bool:
        return not self.counts

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum of x (vectors, mw) where weights (mw, mh) are 1, less the sum where they are 0: there a bit 1
        takes one of the matches of all zeros."""
        return x @ (2 * weights - 1) + self._of_zeros(weights).astype(x.dtype)

    def _of_zeros(self, weights: np.ndarray) -> np.ndarray:
        """Matches per row of a vector of zeros."""
        return (weights == 0).sum(axis=0) * self.counts

    def result_range(self) -> tuple[int, int]:
        """No bit equal .. all equal, or +- mw times the largest magnitude of an element."""
        largest = self.get_nodeattr("mw") * max(map(abs, value_range(self.in_bits, self.in_signed)))
        return (-largest * self.result_signed, largest)

    @property
    def result_bits(self) -> int:
        """Bits of a result."""
        return self.result_range()[1].bit_length() + self.result_signed

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """Of inverses and signs; the unit counts matches themselves."""
        return offset_of_signs(weights, self.in_bits, self.in_signed) - self._of_zeros(weights)

    def matrix(self) -> Matrix:
        """Elements where the weight is 1, less the others."""
        weights = self.integers("weights")
        return Matrix(2 * weights - 1, self._of_zeros(weights), 1)

    def has_starts(self) -> bool:
        """Raw counts start from zero."""
        return not (self.raw and self.counts)


Op = SignMvu
