"""Binary matrix-vector unit: counts of equal bits (XNOR-popcount), or bits after a threshold."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._mvu import Folded, Mvu
from xnorforge.hw.ops.base import Attributes, Matrix, node_attributes
from xnorforge.hw.streams import check_divides

from .several import Several
from .wired import Wired

DEEP = 1024  # words; no more need no choice behind blocks


class XnorMvu(Mvu):
    """Count the bits that vectors and weights have in common; return the counts or the bits count >= T.

        matches[row] = number of k with x[k] == weights[k, row]    the signed product is 2 * matches - mw

    Bits are 0 and 1, for -1 and +1; thresholds 0 .. mw + 1 (0: always, mw + 1: never); counts UINT 0 .. mw.

    With simd = mw, pe = mh and thresholds the weights are wired, where this is smaller: no memory, and rows
    share counts (`wired.py`); with `levels` of 2 or more registers stand only behind every so many levels
    of logic. With `pixels` of 2 or more, that many vectors share each row's weights, at one row per cycle: mh
    cycles per `pixels` vectors (`several.py`); it needs simd = mw, and divides `vectors`.

    Cost: about one LUT per weight bit in a beat (simd * pe), XNOR included, plus accumulators and memories;
    the threshold is part of the accumulator's start value and needs no comparator."""

    structures: ClassVar[tuple[type[Folded], ...]] = (Several, Wired, Folded)
    extents: ClassVar[dict[str, str]] = Mvu.extents | {"pixels": "vectors"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = Mvu.styles | {"rom": (*Mvu.styles["rom"], "columns")}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(pixels=1, levels=1)

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Several vectors at a time are whole ones, and leave no slower than they are made. Columns are of
        words that are deep and no power of two."""
        simd, pe, pixels = folding["simd"], folding["pe"], folding.get("pixels", 1)
        if not super().together(attributes, folding) or (folding.get("rom") == "ultra" and pixels > 1):
            return False
        if folding.get("rom") == "columns":
            words = attributes["mw"] // simd * (attributes["mh"] // pe)
            return pixels == 1 and words > DEEP and words & (words - 1) > 0
        return pixels == 1 or (simd == attributes["mw"] and pixels <= pe)

    def folding(self):
        """As every matrix unit, and pixels.

        Raises:
            UserError: as every matrix unit, or pixels does not divide the vectors or fit simd and pe.
        """
        mw, mh, simd, pe = super().folding()
        pixels, vectors = self.get_nodeattr("pixels"), self.get_nodeattr("vectors")
        check_divides(self.name, "pixels", pixels, "vectors", vectors)
        if not self.together({"mw": mw}, {"simd": simd, "pe": pe, "pixels": pixels}):
            raise UserError(
                f"{self.name}: pixels={pixels} needs simd={mw} (= mw) and pe of {pixels} or more, "
                f"got simd={simd}, pe={pe}."
            )
        return mw, mh, simd, pe

    @property
    def rows(self) -> int:
        """Rows whose weights make a word: one where several vectors share it."""
        return self.get_nodeattr("pe") if self.get_nodeattr("pixels") == 1 else 1

    @property
    def result_bits(self) -> int:
        """Bits of a count."""
        return self.get_nodeattr("mw").bit_length()

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """matches = (signed dot product + mw) / 2, of x (vectors, mw) and weights (mw, mh) of 0 and 1.

        A one of x meets a one where the weight is 1; where the weight is 0, it takes one of the matches of
        all zeros."""
        return x @ (2 * weights - 1) + (weights == 0).sum(axis=0, dtype=x.dtype)

    def result_range(self) -> tuple[int, int]:
        """No bit equal .. all equal."""
        return 0, self.get_nodeattr("mw")

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """The unit counts matches themselves."""
        return 0 * weights.sum(axis=0)

    def matrix(self) -> Matrix | None:
        """Matches: bits where the weight is 1, less the others, all of which would match at 0."""
        weights = 2 * self.integers("weights") - 1
        return Matrix(weights, (weights < 0).sum(axis=0), 1)

    def has_starts(self) -> bool:
        """Raw counts start from zero."""
        return not self.raw


Op = XnorMvu
