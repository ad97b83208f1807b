"""Binary matrix-vector unit: counts of equal bits (XNOR-popcount), or bits after a threshold."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw import families
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops.base import Attributes, HwOp, Matrix, Memories, Rtl, node_attributes
from xnorforge.hw.parts import Parts, cost_of
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Timing, beat_for_beat

from .constant import Constant
from .pixels import Pixels

DEEP = 1024  # words; no more need no choice behind blocks
WIRED_FROM = 128  # weights: fewer share next to nothing


class XnorMvu(Mvu):
    """Count the bits that vectors and weights have in common; return the counts or the bits count >= T.

        matches[row] = number of k with x[k] == weights[k, row]    the signed product is 2 * matches - mw

    Shapes: `vectors` vectors of `mw` bits to as many vectors of `mh` results. Bits and `weights` (mw, mh) are
    0 and 1, for -1 and +1. With `thresholds` (mh,) in 0 .. mw + 1 (0: always, mw + 1: never) a result is one
    bit, otherwise UINT 0 .. mw.

    Rate: (mw / simd) * (mh / pe) cycles per vector. Latency: mw / simd + 2 cycles plus the pipeline of the
    count. Weights and thresholds lie in logic or block RAM (`rom`, `starts`).

    With simd = mw, pe = mh and thresholds the weights are wired, where this is smaller: no memory, and rows
    share counts (`constant.py`); with `levels` of 2 or more registers stand only behind every so many levels
    of logic. With `pixels` of 2 or more, that many vectors share each row's weights, at one row per cycle: mh
    cycles per `pixels` vectors (`pixels.py`); it needs simd = mw, and divides `vectors`.

    Cost: about one LUT per weight bit in a beat (simd * pe), XNOR included, plus accumulators and memories;
    the threshold is part of the accumulator's start value and needs no comparator."""

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
    def many(self) -> Pixels | None:
        """The unit of several vectors at a time, where that is asked for."""
        pixels = self.get_nodeattr("pixels")
        if pixels == 1:
            return None
        mw, mh, _, pe = self.folding()
        shape = mw, mh, pe, pixels, self.late(), self.acc_bits, self.out_stream().bits
        return Pixels(*shape, self.has_starts())

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
        weights = 2 * np.asarray(self.arrays_of["weights"]).astype(np.int64) - 1
        return Matrix(weights, (weights < 0).sum(axis=0), 1)

    def has_starts(self) -> bool:
        """Raw counts start from zero."""
        return not self.raw

    @cached_property
    def constant(self) -> Constant | None:
        """The unit of wired weights, where it takes the place of the folded one."""
        mw, mh, simd, pe = self.folding()
        if self.many or (simd, pe) != (mw, mh) or mw * mh < WIRED_FROM:
            return None
        if self.raw or "weights" not in self.arrays_of or self.replaced:
            return None
        weights, thresholds = (np.asarray(self.arrays_of[key]) for key in ("weights", "thresholds"))
        levels = self.get_nodeattr("levels")
        unit = Constant(weights.astype(np.int64), thresholds.astype(np.int64), levels)
        wired, folded = (
            cost_of(type(self).__name__, parts, families.REFERENCE, False)["lut"]
            for parts in (unit.parts, super().parts())
        )
        return unit if wired < folded else None

    def sooner(self, levels: int) -> list[HwOp]:
        """Wired weights with fewer registers."""
        if not self.constant:
            return []
        given = {name: self.get_nodeattr(name) for name in self.declared}
        steps = range(max(2, self.constant.counting), levels + 1)
        return self.falling(self.make(self.name, self.arrays_of, **given | {"levels": n}) for n in steps)

    def timing(self) -> Timing:
        """A vector is read once per pass; with wired weights it passes the registers of the longest path."""
        if self.many:
            return self.many.timing()
        if self.constant:
            return beat_for_beat(self.constant.stages)
        return super().timing()

    def rtl(self) -> Rtl:
        """The generated module, that of several vectors at a time, or the folded one."""
        if self.constant:
            return self.constant.module[0], {}
        module, parameters = super().rtl()
        if not self.many:
            return module, parameters
        shared = ("Mw", "Mh", "Pe", "WeightMemory", "WeightRows", "StartMemory", "DotCycles")
        parameters = {name: parameters[name] for name in shared}
        return "xf_xnor_mvu_pixels", parameters | {"Pixels": self.many.pixels}

    def generated(self) -> dict[str, str]:
        """The module of wired weights and what counts in it, or dot products."""
        if not self.constant:
            return super().generated()
        name, words = self.constant.module
        return {f"{name}.sv": words} | self.constant.counters

    def beside(self, suffix: str = "") -> tuple[dict[str, str], list[str]]:
        """Dot products; none of wired weights."""
        if self.constant:
            return {}, []
        if self.many:
            return self.built.beside(self.many.pixels, ("w_i",), (), suffix)
        return super().beside(suffix)

    @property
    def loads(self) -> tuple[str, ...]:
        """None of wired weights."""
        return () if self.constant else super().loads

    def memories(self) -> Memories:
        """None of wired weights."""
        return {} if self.constant else super().memories()

    def parts(self) -> Parts:
        """Of the unit that is built."""
        if self.many:
            found = self.many.parts().add(self.weight_parts())
            return found.add(self.start_parts(True)) if self.has_starts() else found
        return self.constant.parts if self.constant else super().parts()


Op = XnorMvu
