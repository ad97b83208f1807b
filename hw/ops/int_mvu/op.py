"""Matrix-vector unit of small integers and small integer weights: sums, or bits after a threshold."""

from math import inf
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import address_bits, memory_of
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops._streamed import NARROWEST_PRODUCT
from xnorforge.hw.ops.base import Attributes, Matrix, node_attributes
from xnorforge.hw.parts import Parts, family_in_use
from xnorforge.hw.streams import value_range

FACTOR = 25  # bits of the wider factor of a DSP48
JOINED_BITS, JOINED_WORDS = 3, 32  # up to which ternary gates and their weights share LUTs (hw/rtl/xf_mvu.sv)


class IntMvu(Mvu):
    """Multiply vectors of small integers by integer weights; return x @ weights or the bits of it >= T.

    Weights are two's complement of `w_bits` bits (2 .. 16). Inputs have `in_bits` bits (1 .. 16), unsigned or
    two's complement; a bit counts as 0 or 1, or with bipolar=1 as -1 or +1. Sums are INT of `out_bits` bits,
    which must hold every sum that these weights can produce; out_bits=0 chooses enough for any weights.

    Cost: dsp=0 adds one bit plane of the weights after the other in LUTs, or, where all
    weights are -1, 0 or 1 and this is smaller, gates the elements themselves. dsp=1
    multiplies in DSP blocks, two rows per block, where products have 9 bits or more (`xf_dsp_sum`)."""

    styles: ClassVar[dict[str, tuple[str | int, ...]]] = Mvu.styles | {"dsp": (0, 1)}

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """As of every unit; DSP blocks of Xilinx's for wide products of integers, or for two rows."""
        bits, signed = attributes.get("in_bits", 8), attributes.get("in_signed", 0)
        wide = bits + (not signed) + attributes.get("w_bits", 8) >= NARROWEST_PRODUCT
        able = bits > 1 and family_in_use().startswith("xc")
        fits = not folding.get("dsp", 0) or (able and (wide or folding["pe"] % 2 == 0))
        return fits and super().together(attributes, folding)

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(
            in_bits=8, in_signed=(0, 1), bipolar=(0, 1), w_bits=8, out_bits=0, dsp=(0, 1),
        )  # fmt: skip

    @property
    def in_bits(self) -> int:
        """Bits of an input element."""
        return self._checked("in_bits", 1, 16)

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self._checked("w_bits", 2, 16)

    def _checked(self, key: str, least: int, most: int) -> int:
        bits = self.get_nodeattr(key)
        if not least <= bits <= most:
            raise UserError(f"{self.name}: {key}={bits} is out of range; use {least} .. {most}.")
        return bits

    @property
    def bipolar(self) -> bool:
        """Whether input bits stand for -1 and +1."""
        return bool(self.get_nodeattr("bipolar"))

    def folding(self) -> tuple[int, int, int, int]:
        """As of every unit; also checks the kind of input, the weights and the width of the sums."""
        folding = super().folding()
        for key, least in (("bipolar", 1), ("in_signed", 2), ("dsp", 2)):
            if self.get_nodeattr(key) and (self.in_bits < least or (key == "bipolar" and self.in_bits > 1)):
                wanted = "in_bits=1" if key == "bipolar" else "in_bits of 2 or more"
                raise UserError(
                    f"{self.name}: {key}=1 does not work with in_bits={self.in_bits}; use {wanted}."
                )
        if "weights" in self.arrays_of:
            weights, (low, high) = np.asarray(self.arrays_of["weights"]), value_range(self.weight_bits, True)
            if weights.min() < low or weights.max() > high:
                raise UserError(
                    f"{self.name}: weights range over {int(weights.min())} .. {int(weights.max())}, but "
                    f"w_bits={self.weight_bits} holds {low} .. {high}; raise w_bits."
                )
            reach, span = self.result_range(), value_range(self.result_bits, True)
            if reach[0] < span[0] or reach[1] > span[1]:
                raise UserError(
                    f"{self.name}: sums range over {reach[0]} .. {reach[1]}, but out_bits={self.result_bits} "
                    f"holds {span[0]} .. {span[1]}; raise out_bits, or set it to 0 for any weights."
                )
        return folding

    def input_range(self) -> tuple[int, int]:
        """Least and largest value of an input element."""
        return (-1, 1) if self.bipolar else value_range(self.in_bits, self.in_signed)

    def result_range(self) -> tuple[int, int]:
        """Least and largest sum that the weights make; without weights, that the worst ones make."""
        low, high = self.input_range()
        if "weights" in self.arrays_of:
            weights = self.integers("weights")
            ends = low * weights, high * weights
            return int(np.minimum(*ends).sum(axis=0).min()), int(np.maximum(*ends).sum(axis=0).max())
        largest, other = 2 ** (self.weight_bits - 1), 2 ** (self.weight_bits - 1) - 1
        mw = self.get_nodeattr("mw")
        return mw * min(-largest * high, other * low), mw * max(other * high, -largest * low)

    @property
    def result_bits(self) -> int:
        """Bits of a signed sum."""
        if given := self.get_nodeattr("out_bits"):
            return given
        low, high = type(self)(self.onnx_node).result_range()
        return max((-low - 1).bit_length(), high.bit_length()) + 1

    @property
    def acc_bits(self) -> int:
        """Width of an accumulator: a sum, or one off a threshold by the whole range; half if bipolar."""
        return self.result_bits if self.raw or self.bipolar else self.result_bits + 1

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """x (vectors, mw) times weights (mw, mh)."""
        return (2 * x - 1 if self.bipolar else x) @ weights

    def matrix(self) -> Matrix | None:
        """The weights; where bits stand for -1 and +1, twice the weights less their sum."""
        weights = self.integers("weights")
        if self.bipolar:
            return Matrix(2 * weights, -weights.sum(axis=0), self.weight_bits)
        return Matrix(weights, np.zeros(weights.shape[1], np.int64), self.weight_bits)

    # Multipliers.
    def chain(self) -> tuple[int, int]:
        """Rows that share a multiplier, and multipliers in a chain; (1, 0) without.

        Two rows share one where their packed factor fits: the sums of a chain need `field` bits, the weight
        of the second row lies above them, less by one where that of the first is negative. A product that
        would be no DSP block anyway is added by planes."""
        if not self.get_nodeattr("dsp"):
            return 1, 0
        lengths = _dots.chain_lengths(
            self.get_nodeattr("simd"), self.in_bits, self.in_signed, self.weight_bits
        )
        if self.get_nodeattr("pe") % 2 == 0:
            fits = [length for length in lengths if self.field(length) + self.weight_bits <= FACTOR]
            weights = self.arrays_of.get("weights")
            if self.replaced:  # any weights, the smallest one less by one
                weights = np.array([[-1, -(2 ** (self.weight_bits - 1))]])
            least = 0 if weights is None else int(self._borrowed(np.asarray(weights).astype(np.int64)).min())
            if fits and least >= -(2 ** (self.weight_bits - 1)):
                return 2, fits[-1]
        product = self.in_bits + (not self.in_signed) + self.weight_bits
        return (1, lengths[-1]) if product >= NARROWEST_PRODUCT else (1, 0)

    def field(self, chain: int) -> int:
        """Bits of the signed sum of a chain."""
        return _dots.chain_field(chain, self.in_bits, self.in_signed, self.weight_bits)

    @staticmethod
    def _borrowed(weights) -> np.ndarray:
        """Weights of rows two by two, the second less by one where the first is negative."""
        weights = weights.copy()
        weights[:, 1::2] -= weights[:, ::2] < 0
        return weights

    def ternary(self) -> bool:
        """Whether a weight, -1, 0 or 1, is a gate in front of its element: of elements of several bits, where
        it takes fewer LUTs than planes of the weights and no more block RAM."""
        weights = self.arrays_of.get("weights")
        if weights is None or self.in_bits == 1 or self.weight_bits > 2 or self.chain()[1]:
            return False
        if self.replaced:  # other weights may be -2
            return False
        if np.min(weights) < -1:
            return False
        mw, mh, simd, pe = self.folding()
        beats, passes, bits = mw // simd, mh // pe, self.in_bits
        width, starts = simd * pe * self.weight_bits, (0.0, cost.logic_memory(pe * self.acc_bits, passes))
        if self.in_block()[1]:
            made = memory_of(passes, pe * self.acc_bits, "rom")
            starts = made.bram36, made.choice
        gates = pe * _dots.number_sum("ternary_sum", simd, bits).lut
        gates += 0 if self._joined() else pe * simd * -(-bits // 2)
        if self._joined():
            gates += self._joint_luts() - cost.logic_memory(width, beats * passes)
        planes = pe * _dots.planes(simd, bits, 2).lut
        if self.raw and not self.in_signed:  # sums of planes start from nothing
            return gates + starts[1] < planes and not starts[0]
        return gates < planes

    def _joint_luts(self) -> float:
        """LUTs of ternary gates that share them with their weights."""
        mw, mh, simd, pe = self.folding()
        return simd * self.in_bits * cost.different(pe, 3 ** (mw // simd * (mh // pe)))

    def _joined(self) -> bool:
        """Whether ternary weights and their gates would share LUTs."""
        mw, mh, simd, pe = self.folding()
        words = mw // simd * (mh // pe)
        return not self.in_block()[0] and words <= JOINED_WORDS and self.in_bits <= JOINED_BITS

    def dot(self, late: bool = False) -> _dots.Dot:
        simd, bits, (rows, chain) = self.get_nodeattr("simd"), self.in_bits, self.chain()
        if chain:
            field = self.field(chain)
            return _dots.multipliers(simd, bits, self.in_signed, self.weight_bits, rows, chain, field)
        if self.ternary():
            return _dots.number_sum("ternary_sum", simd, bits, late=late)
        return _dots.planes(simd, bits, self.weight_bits, late)

    # Memories.
    def stored(self, weights: np.ndarray) -> np.ndarray:
        """Two's complement; packed for two rows per multiplier."""
        return (self._borrowed(weights) if self.chain()[0] == 2 else weights) % 2**self.weight_bits

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """What a row counts beyond the sum of x times weight, bits as 0 and 1: constants, sign bits."""
        mw, _, simd, _ = self.folding()
        _, chain = self.chain()
        if chain:
            return np.full(weights.shape[1], mw // simd * -(-simd // chain) * 2 ** (self.field(chain) - 1))
        signs = (2 ** (self.in_bits - 1) if self.in_signed else 0) * weights.sum(axis=0)
        if self.ternary():
            return signs + (2**self.in_bits - 1) * (weights < 0).sum(axis=0)
        return signs + mw // simd * _dots.plane_offset(simd, self.in_bits, self.weight_bits)

    def equal_starts(self) -> bool:
        """Sums without a sign bit, bits of -1 or inverses to correct."""
        plain = self.chain()[1] > 0 or not (self.in_signed or self.ternary())
        return self.raw and not self.bipolar and plain

    def starts(self, weights: np.ndarray) -> np.ndarray:
        """As of every unit. A bipolar sum is 2 * (sum of the weights at bits 1) - total."""
        offset, total = self.offset(weights), weights.sum(axis=0) if self.bipolar else 0
        if self.raw:
            return -((2 if self.bipolar else 1) * offset + total) % 2**self.acc_bits
        half = 2 ** (self.result_bits - 1)
        needed = np.clip(self.integers("thresholds"), -half, half)
        if self.bipolar:
            needed = (needed + total + 1) // 2
        return (2 ** (self.acc_bits - 1) - needed - offset) % 2**self.acc_bits

    @property
    def shift(self) -> int:
        """Twice the sum of the bits is the bipolar one."""
        return int(self.bipolar and self.raw)

    def weight_parts(self) -> Parts:
        """Where ternary gates share LUTs with the weights, only the number of the word is kept."""
        if not (self.ternary() and self._joined()):
            return super().weight_parts()
        mw, mh, simd, pe = self.folding()
        return Parts(table=self._joint_luts()).registers(address_bits(mw // simd * (mh // pe)))

    def dot_parameters(self) -> dict[str, int | str]:
        """Kind and widths of the dot product.

        Raises:
            UserError: the sum of one cycle is wider than the adders.
        """
        if self.dot().bits > _dots.WIDEST_SUM:
            raise UserError(
                f"{self.name}: simd={self.get_nodeattr('simd')} needs sums of {self.dot().bits} bits per "
                f"cycle, but adders have at most {_dots.WIDEST_SUM}; lower simd."
            )
        dot = "Ternary" if self.ternary() else "Multipliers" if self.chain()[1] else "Planes"
        return {"Dot": f"xf_pkg::{dot}", "WBits": self.weight_bits, "Shift": self.shift}

    def dot_parts(self) -> Parts:
        """Gates of ternary weights, inverters in front of the input buffer, DSP blocks."""
        rows, chain = self.chain()
        _, _, simd, pe = self.folding()
        found = Parts(dsp=simd * pe // rows if chain else 0)
        found.gates(inverters=simd if self.in_signed and not chain else 0)
        if self.ternary() and not self._joined():
            found.gates(dot_products=pe * simd * -(-self.in_bits // 2))
        return found

    def estimate(self, family: str | None = None, registers: bool = True) -> dict[str, float]:
        """As of every unit; no number of LUTs makes adders wider."""
        if self.dot().bits > _dots.WIDEST_SUM:
            return dict.fromkeys(("lut", "ff", "carry", "lut_ram", "bram36", "dsp", "uram"), inf)
        return super().estimate(family, registers)


Op = IntMvu
