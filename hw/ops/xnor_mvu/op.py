"""Binary matrix-vector unit: counts of equal bits (XNOR-popcount), or bits after a threshold."""

from functools import cached_property
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw import families
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops._streams import divisors
from xnorforge.hw.ops.base import Matrix
from xnorforge.hw.parts import cost_of

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
    share counts (`constant.py`). With `pixels` of 2 or more, that many vectors share each row's weights, at
    one row per cycle: mh cycles per `pixels` vectors (`pixels.py`); it needs simd = mw, and divides
    `vectors`.

    Cost: about one LUT per weight bit in a beat (simd * pe), XNOR included, plus accumulators and memories;
    the threshold is part of the accumulator's start value and needs no comparator.
    """

    extents: ClassVar[dict[str, str]] = Mvu.extents | {"pixels": "vectors"}
    styles: ClassVar[dict[str, tuple[str, ...]]] = Mvu.styles | {"rom": ("block", "logic", "columns")}

    def get_nodeattr_types(self):
        places = {"auto", "block", "logic", "columns"}
        return super().get_nodeattr_types() | {"pixels": ("i", False, 1), "rom": ("s", False, "auto", places)}

    @classmethod
    def together(cls, attributes, folding):
        """Several vectors at a time are whole ones, and leave no slower than they are made. Columns are of
        words that are deep and no power of two.
        """
        simd, pe, pixels = folding["simd"], folding["pe"], folding.get("pixels", 1)
        if folding.get("rom") == "columns":
            words = attributes["mw"] // simd * (attributes["mh"] // pe)
            return pixels == 1 and words > DEEP and words & (words - 1) > 0
        return pixels == 1 or (simd == attributes["mw"] and pixels <= pe)

    def folding(self):
        """As every matrix unit, and pixels.

        Raises:
            UserError: as every matrix unit, or pixels does not divide the vectors or does not go with simd
                and pe.
        """
        mw, mh, simd, pe = super().folding()
        pixels, vectors = self.get_nodeattr("pixels"), self.get_nodeattr("vectors")
        if pixels < 1 or vectors % pixels:
            raise UserError(
                f"{self.name}: pixels={pixels} does not divide vectors={vectors}; use one of "
                f"{divisors(vectors)}."
            )
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
    def paced(self) -> bool:
        """Several vectors at a time give their beats one behind the other."""
        return self.many is None

    @property
    def many(self) -> Pixels | None:
        """The unit of several vectors at a time, where that is asked for."""
        pixels = self.get_nodeattr("pixels")
        if pixels == 1:
            return None
        mw, mh, _, pe = self.folding()
        shape = mw, mh, pe, pixels, self.late(), self.acc_bits, self.out_stream().bits
        return Pixels(*shape, self.has_starts(), *self.in_block())

    @property
    def result_bits(self) -> int:
        """Bits of a count."""
        return self.get_nodeattr("mw").bit_length()

    def result(self, x, weights):
        """matches = (signed dot product + mw) / 2, of x (vectors, mw) and weights (mw, mh) of 0 and 1.

        A one of x meets a one where the weight is 1; where the weight is 0, it takes one of the matches of
        all zeros.
        """
        return x @ (2 * weights - 1) + (weights == 0).sum(axis=0, dtype=x.dtype)

    def result_range(self) -> tuple[int, int]:
        """No bit equal .. all equal."""
        return 0, self.get_nodeattr("mw")

    def offset(self, weights):
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
        if self.raw or "weights" not in self.arrays_of:
            return None
        weights, thresholds = (np.asarray(self.arrays_of[key]) for key in ("weights", "thresholds"))
        unit = Constant(weights.astype(np.int64), thresholds.astype(np.int64))
        wired, folded = (
            cost_of(type(self).__name__, parts, families.REFERENCE, False)["lut"]
            for parts in (unit.parts, super().parts())
        )
        return unit if wired < folded else None

    def input_buffer(self) -> int | None:
        """None with wired weights: a vector needs to be there for a cycle only. None of several vectors at a
        time, which are taken where they are used.
        """
        return None if self.constant or self.many else super().input_buffer()

    def cycles(self) -> int:
        """Of several vectors at a time, all rows for each of the groups they make."""
        if not self.many:
            return super().cycles()
        return self.get_nodeattr("vectors") // self.many.pixels * self.many.mh

    def latency(self) -> int:
        """With wired weights the registers between input and output."""
        if self.many:
            return self.many.latency
        return self.constant.stages if self.constant else super().latency()

    def rtl(self):
        """The generated module, that of several vectors at a time, or the folded one."""
        if self.constant:
            return self.constant.module[0], {}
        module, parameters = super().rtl()
        if not self.many:
            return module, parameters
        shared = ("Mw", "Mh", "Pe", "WeightMemory", "WeightRows", "StartMemory")
        parameters = {name: parameters[name] for name in shared}
        return "xf_xnor_mvu_pixels", parameters | {"Pixels": self.many.pixels}

    def generated(self):
        """The module of wired weights."""
        if not self.constant:
            return {}
        name, words = self.constant.module
        return {f"{name}.sv": words}

    def memories(self) -> dict:
        """None of wired weights."""
        return {} if self.constant else super().memories()

    def parts(self):
        """Of the unit that is built."""
        if self.many:
            found = self.many.parts().add(self.weight_parts())
            return found.add(self.start_parts(True)) if self.has_starts() else found
        return self.constant.parts if self.constant else super().parts()

    @classmethod
    def examples(cls):
        """Folds of 1, odd sizes, wide words, block memories, raw counts."""
        points = [  # mw, mh, simd, pe, vectors, raw
            (1, 1, 1, 1, 5, False),
            (1, 1, 1, 1, 5, True),
            (8, 1, 1, 1, 3, False),
            (8, 1, 8, 1, 6, False),
            (8, 4, 8, 4, 6, False),
            (8, 4, 8, 4, 6, True),
            (9, 6, 3, 2, 3, False),
            (9, 6, 1, 3, 2, True),
            (9, 5, 9, 1, 3, False),
            (15, 4, 5, 2, 2, True),
            (27, 16, 9, 4, 4, False),
            (16, 16, 2, 16, 4, False),
            (24, 10, 24, 10, 5, True),
            (36, 12, 12, 4, 3, False),
            (49, 7, 7, 7, 3, False),
            (64, 64, 16, 4, 2, False),
            (64, 32, 64, 1, 2, False),
            (100, 10, 4, 1, 1, True),
            (100, 3, 50, 3, 4, False),
            (144, 4, 48, 2, 4, False),
            (192, 8, 192, 1, 3, False),
            (256, 4, 128, 4, 4, True),
            (288, 6, 96, 3, 3, False),
            (576, 4, 576, 2, 2, False),
            (20, 260, 20, 1, 1, False),  # thresholds in block RAM
            (160, 2, 1, 1, 2, False),  # input buffer in block RAM
            (40, 5, 40, 5, 4, False),  # wired weights, four rows and one
            (100, 8, 100, 8, 5, False),
            (72, 7, 72, 7, 3, False),
            (23, 10, 23, 10, 6, False),
        ]
        made = [cls.seeded(seed, *point) for seed, point in enumerate(points)]
        made += [cls.seeded(90, 64, 32, 8, 8, rom=rom) for rom in ("block", "logic")]
        return [
            *made,
            cls.seeded(91, 36, 12, 12, 4, 3, rom="block"),
            cls.seeded(92, 100, 10, 4, 1, raw=True, rom="block"),
            cls.seeded(93, 36, 12, 4, 2, 3, rom="block", rom_rows=8),  # 54 words in columns of 8
            cls.seeded(94, 16, 8, 4, 1, 3, raw=True, rom="block", rom_rows=16),  # two whole columns
            cls.seeded(95, 9, 1, 1, 1, 4, rom="block", rom_rows=2),
            cls.seeded(96, 64, 32, 8, 8, rom="block", rom_rows=64),  # one column
            cls.seeded(97, 12, 288, 2, 1, 1, rom="columns"),  # 1,728 words
            cls.seeded(98, 36, 144, 4, 1, 1, raw=True, rom="columns"),  # 1,296
            cls.seeded(97, 24, 6, 24, 1, 3, starts="block"),  # a pass per beat
            cls.seeded(98, 36, 12, 12, 4, 3, starts="block"),
            cls.seeded(99, 20, 260, 20, 1, 1, starts="logic"),
            *cls._many(),
        ]

    @classmethod
    def _many(cls):
        """Several vectors at a time: few rows and many, all in one beat, wide results, memories of all
        kinds.
        """
        points = [  # mw, mh, pe, pixels, vectors, raw
            (9, 2, 2, 2, 4, False),
            (12, 6, 3, 3, 6, False),
            (18, 20, 5, 5, 5, False),
            (36, 16, 16, 4, 8, False),
            (27, 12, 4, 2, 6, True),
            (64, 32, 8, 7, 14, False),
            (90, 24, 24, 24, 48, False),
        ]
        made = [
            cls.seeded(200 + seed, mw, mh, mw, pe, vectors, raw, pixels=pixels)
            for seed, (mw, mh, pe, pixels, vectors, raw) in enumerate(points)
        ]
        wide = 30, 40, 30, 10, 8
        return [
            *made,
            cls.seeded(210, *wide, pixels=4, rom="block"),
            cls.seeded(211, *wide, pixels=8, rom="block", rom_rows=64, starts="block"),
            cls.seeded(212, *wide, pixels=2, rom="block", rom_rows=16),
            cls.seeded(213, *wide, pixels=4, rom="logic", starts="block"),
        ]


Op = XnorMvu
