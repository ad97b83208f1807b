"""Matrix-vector unit of bits and weights ±c, where c depends on the position in the kernel only."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._mvu import Mvu, memory_words
from xnorforge.hw.ops.base import Attributes, Matrix, Memories, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import bits_of

MOST_BITS = 8  # of a constant


class SpatialMvu(Mvu):
    """Multiply vectors of bits by weights ±c whose magnitude c all rows share; return sums or sum >= T.

    Bits count as 0 and 1. Weights have one magnitude, 1 .. 2**scale_bits - 1, for each `run` consecutive
    elements, the same in all rows, as a convolution with a scale per kernel position and `run` channels has.
    simd is a divisor or a multiple of `run`.

    Cost: one bit per weight in memory, one count of equal bits per magnitude in a beat, and its
    multiplication by the constant in LUTs; far less than an IntMvu with the same weights."""

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(run=int, scale_bits=3)

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """A beat has one constant, or whole runs."""
        simd, run = folding["simd"], attributes["run"]
        return super().together(attributes, folding) and (run % simd == 0 or simd % run == 0)

    def folding(self) -> tuple[int, int, int, int]:
        """As of every unit; also checks the constants.

        Raises:
            UserError: as every unit, simd does not go with run, or weights are not as stated.
        """
        mw, mh, simd, pe = super().folding()
        run, bits = (self.get_nodeattr(key) for key in ("run", "scale_bits"))
        if run < 1 or mw % run or not 1 <= bits <= MOST_BITS:
            raise UserError(
                f"{self.name}: run={run}, scale_bits={bits}: one is not valid; use a run that divides "
                f"mw={mw}, and scale_bits 1 .. {MOST_BITS}."
            )
        if not self.together({"run": run}, {"simd": simd}):
            raise UserError(
                f"{self.name}: simd={simd} is neither a divisor nor a multiple of run={run}; use one that is."
            )
        if "weights" in self.arrays_of:
            sizes = np.abs(self.integers("weights"))
            if (sizes != np.repeat(sizes[::run, :1], run, axis=0)).any():
                raise UserError(
                    f"{self.name}: the magnitudes of weights differ within run={run} or between rows; use "
                    "IntMvu."
                )
            if sizes.min() < 1 or sizes.max() >= 2**bits:
                raise UserError(
                    f"{self.name}: magnitudes range over {sizes.min()} .. {sizes.max()}, but scale_bits="
                    f"{bits} holds 1 .. {2**bits - 1}; raise scale_bits, or use IntMvu for zeros."
                )
        return mw, mh, simd, pe

    @property
    def top(self) -> int:
        """The sum of all magnitudes of a row; of other weights, that of the largest ones."""
        if "weights" in self.arrays_of and not self.replaced:
            return int(np.abs(self.integers("weights")[:, 0]).sum())
        return self.get_nodeattr("mw") * (2 ** self.get_nodeattr("scale_bits") - 1)

    @property
    def result_bits(self) -> int:
        """Bits of a signed sum, of the worst weights."""
        return type(self)(self.onnx_node).top.bit_length() + 1

    def result_range(self) -> tuple[int, int]:
        """Least and greatest sum that the weights make; without weights, that the worst ones make."""
        if "weights" not in self.arrays_of:
            return -self.top, self.top
        weights = self.integers("weights")
        ends = np.minimum(weights, 0).sum(axis=0), np.maximum(weights, 0).sum(axis=0)
        return int(ends[0].min()), int(ends[1].max())

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """x (vectors, mw) times weights (mw, mh)."""
        return x @ weights

    def matrix(self) -> Matrix | None:
        """The weights."""
        weights = self.integers("weights")
        return Matrix(weights, np.zeros(weights.shape[1], np.int64), self.get_nodeattr("scale_bits") + 1)

    def stored(self, weights: np.ndarray) -> np.ndarray:
        """The sign."""
        return (weights > 0).astype(np.int64)

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """A bit 0 equals the sign of a negative weight."""
        return -np.minimum(weights, 0).sum(axis=0)

    def scales(self) -> np.ndarray:
        """Constants of each beat, int64 (beats, constants)."""
        _, _, simd, _ = self.folding()
        sizes, step = np.abs(self.integers("weights")[:, 0]), min(simd, self.get_nodeattr("run"))
        return sizes[::step].reshape(-1, simd // step)

    def dot_parameters(self) -> dict[str, int | str]:
        """Kind, runs and constants of the dot product."""
        run, bits = (self.get_nodeattr(key) for key in ("run", "scale_bits"))
        return {"Dot": "xf_pkg::Scaled", "CountCycles": self.dot().wait, "Run": run, "ScaleW": bits}

    def words(self) -> Memories:
        """As of every unit, and the constants."""
        scales, bits = self.scales(), self.get_nodeattr("scale_bits")
        table = scales.shape[1] * bits, memory_words(scales, bits)
        return super().words() | {"ScaleFile": table}

    def dot(self, late: bool = False) -> _dots.Dot:
        simd, run = self.get_nodeattr("simd"), self.get_nodeattr("run")
        lanes = min(simd, run)
        return _dots.scaled(lanes, simd // lanes, self.get_nodeattr("scale_bits"), late)

    def dot_parts(self) -> Parts:
        """The table of constants with its counter."""
        scales, bits = self.scales(), self.get_nodeattr("scale_bits")
        found = Parts().counters_of(address_bits(len(scales)) if len(scales) > 1 else 0)
        return found.table(bits_of(scales, bits), cost.logic_rom(scales.shape[1] * bits, len(scales)))


Op = SpatialMvu
