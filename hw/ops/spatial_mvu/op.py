"""Matrix-vector unit of bits and weights ±c, where c depends on the position in the kernel only."""

from typing import Any

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._mvu import Mvu, memory_words
from xnorforge.hw.ops.base import Matrix
from xnorforge.hw.words import address_bits, bits_of

MOST_BITS = 8  # of a constant


class SpatialMvu(Mvu):
    """Multiply vectors of bits by weights ±c whose magnitude c is shared by all rows; return sums or bits sum
    >= T.

    Shapes: `vectors` vectors of `mw` bits (0 and 1) to as many vectors of `mh` results. `weights` (mw, mh)
    have one magnitude, 1 .. 2**scale_bits - 1, for each `run` consecutive elements, the same in all rows; a
    convolution with a scale per kernel position has such weights, with `run` channels. `thresholds` (mh,),
    where present, are any integers. simd is a divisor or a multiple of `run`.

    Rate: (mw / simd) * (mh / pe) cycles per vector. Latency: mw / simd + 2 cycles plus the pipeline of the
    sum.

    Cost: one bit per weight in memory, one count of equal bits per magnitude in a beat, and its
    multiplication by the constant in LUTs; far less than an IntMvu with the same weights.
    """

    result_signed = True

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {
            "run": ("i", True, 0),
            "scale_bits": ("i", False, 3),
        }

    @classmethod
    def together(cls, attributes, folding):
        """A beat has one constant, or whole runs."""
        simd, run = folding["simd"], attributes["run"]
        return run % simd == 0 or simd % run == 0

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
            sizes = np.abs(self._weights())
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

    def _weights(self) -> np.ndarray:
        return np.asarray(self.arrays_of["weights"]).astype(np.int64)

    @property
    def top(self) -> int:
        """The sum of all magnitudes of a row; without weights, that of the largest ones."""
        if "weights" in self.arrays_of:
            return int(np.abs(self._weights()[:, 0]).sum())
        return self.get_nodeattr("mw") * (2 ** self.get_nodeattr("scale_bits") - 1)

    @property
    def result_bits(self) -> int:
        """Bits of a signed sum, of the worst weights."""
        return type(self)(self.onnx_node).top.bit_length() + 1

    def result_range(self) -> tuple[int, int]:
        """Least and greatest sum that the weights make; without weights, that the worst ones make."""
        if "weights" not in self.arrays_of:
            return -self.top, self.top
        weights = self._weights()
        ends = np.minimum(weights, 0).sum(axis=0), np.maximum(weights, 0).sum(axis=0)
        return int(ends[0].min()), int(ends[1].max())

    def result(self, x, weights):
        """x (vectors, mw) times weights (mw, mh)."""
        return x @ weights

    def matrix(self) -> Matrix | None:
        """The weights."""
        weights = self._weights()
        return Matrix(weights, np.zeros(weights.shape[1], np.int64), self.get_nodeattr("scale_bits") + 1)

    def stored(self, weights) -> np.ndarray:
        """The sign."""
        return (weights > 0).astype(np.int64)

    def offset(self, weights):
        """A bit 0 equals the sign of a negative weight."""
        return -np.minimum(weights, 0).sum(axis=0)

    def scales(self) -> np.ndarray:
        """Constants of each beat, int64 (beats, constants)."""
        _, _, simd, _ = self.folding()
        sizes, step = np.abs(self._weights()[:, 0]), min(simd, self.get_nodeattr("run"))
        return sizes[::step].reshape(-1, simd // step)

    def rtl(self) -> tuple[str, dict]:
        """Module and parameters."""
        module, parameters = super().rtl()
        run, bits = (self.get_nodeattr(key) for key in ("run", "scale_bits"))
        return module, parameters | {"Dot": "xf_pkg::Scaled", "Run": run, "ScaleW": bits}

    def memories(self) -> dict:
        """As of every unit, and the constants."""
        scales, bits = self.scales(), self.get_nodeattr("scale_bits")
        table = scales.shape[1] * bits, memory_words(scales, bits)
        return super().memories() | {"ScaleFile": table}

    def dot(self) -> cost.Dot:
        """Cost and latency of one row's counts and products."""
        simd, run = self.get_nodeattr("simd"), self.get_nodeattr("run")
        lanes = min(simd, run)
        return cost.scaled(lanes, simd // lanes, self.get_nodeattr("scale_bits"))

    def parts(self):
        """As of every unit, and the table of constants with its counter."""
        scales, bits = self.scales(), self.get_nodeattr("scale_bits")
        table = cost.logic_rom(scales.shape[1] * bits, len(scales))
        found = super().parts().counters_of(address_bits(len(scales)) if len(scales) > 1 else 0)
        return found.table(bits_of(scales, bits), table)

    def random_weights(self, rng, shape) -> np.ndarray:
        """Signs, times constants over their whole range."""
        run, bits = (self.get_nodeattr(key) for key in ("run", "scale_bits"))
        sizes = rng.integers(1, 2**bits, shape[0] // run).repeat(run)
        return rng.choice((-1, 1), shape) * sizes[:, None]

    @classmethod
    def examples(cls):
        """A constant per beat and several, one to eight bits of it, sums and thresholds, all memories."""
        points: list[tuple[Any, ...]] = [  # mw, mh, simd, pe, vectors, raw, run, scale_bits, more
            (2, 1, 1, 1, 5, False, 1, 2, {}),
            (4, 3, 1, 3, 3, True, 2, 3, {}),
            (9, 6, 3, 2, 3, False, 3, 3, {}),
            (9, 6, 9, 6, 3, True, 1, 2, {}),
            (18, 4, 2, 2, 2, False, 2, 1, {}),
            (18, 6, 6, 3, 2, True, 2, 3, {}),
            (36, 8, 4, 4, 2, False, 4, 3, {}),
            (36, 4, 12, 4, 3, True, 4, 4, {}),
            (36, 12, 36, 4, 3, False, 4, 3, {}),
            (45, 5, 5, 5, 2, True, 5, 3, {}),
            (72, 8, 8, 2, 3, False, 8, 3, {}),
            (72, 6, 4, 3, 2, True, 8, 4, {}),
            (72, 16, 24, 4, 2, False, 8, 2, {}),
            (90, 10, 5, 2, 2, False, 10, 3, {}),
            (108, 4, 12, 4, 2, True, 12, 8, {}),
            (144, 8, 16, 4, 2, False, 16, 3, {}),
            (144, 8, 16, 4, 2, False, 16, 3, {"rom": "block"}),
            (144, 4, 48, 2, 3, True, 16, 3, {"rom": "block"}),
            (25, 260, 25, 1, 1, False, 5, 3, {}),  # starts in block RAM
            (160, 2, 1, 1, 1, False, 32, 3, {}),  # input buffer in block RAM
            (192, 6, 64, 3, 3, False, 64, 5, {}),
            (288, 4, 32, 2, 2, True, 32, 3, {"rom": "logic"}),
            (60, 16, 10, 2, 2, False, 20, 3, {"rom": "block", "rom_rows": 32}),
            (60, 16, 10, 2, 2, True, 20, 4, {"rom": "block", "rom_rows": 64}),
            (576, 4, 64, 2, 2, False, 64, 3, {"rom": "block"}),
        ]
        names = ("mw", "mh", "simd", "pe", "vectors", "raw", "run", "scale_bits")
        return [
            cls.seeded(seed, **dict(zip(names, point)), **more) for seed, (*point, more) in enumerate(points)
        ]


Op = SpatialMvu
