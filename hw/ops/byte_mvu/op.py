"""Matrix-vector unit of small integers and one-bit weights: sums, or bits after a threshold."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops.base import Matrix

MOST_INPUT_BITS = 12


class ByteMvu(Mvu):
    """Multiply vectors of small integers by weights of +1 and -1; return the sums or the bits sum >= T.

        sum[row] = Σ_k x[k] * (+1 where weights[k, row] is 1, else -1)

    Shapes: `vectors` vectors of `mw` integers to as many vectors of `mh` results. `weights` (mw, mh) are 0
    and 1, for -1 and +1. `thresholds` (mh,), where present, are any integers; values out of reach mean
    "always" or "never". Inputs have `in_bits` bits (2 .. 12), unsigned or two's complement. Without
    thresholds the output is INT, as wide as the largest sum.

    Rate: (mw / simd) * (mh / pe) cycles per vector. Latency: mw / simd + 2 cycles plus the pipeline of the
    sum.

    Cost: a minus sign is free: the sum takes the bitwise inverse of x, and the constant that this adds is
    subtracted from the row's start value.
    """

    result_signed = True

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {
            "in_bits": ("i", False, 8),
            "in_signed": ("i", False, 0, {0, 1}),
        }

    @property
    def in_bits(self) -> int:
        """Bits of an input element."""
        bits = self.get_nodeattr("in_bits")
        if not 2 <= bits <= MOST_INPUT_BITS:
            raise UserError(
                f"{self.name}: in_bits={bits} is outside 2 .. {MOST_INPUT_BITS}; use XnorMvu for single bits."
            )
        return bits

    @property
    def in_signed(self) -> bool:
        """Whether inputs are two's complement."""
        return bool(self.get_nodeattr("in_signed"))

    @property
    def result_bits(self) -> int:
        """Bits of a signed sum."""
        return self.result_range()[1].bit_length() + 1

    def result(self, x, weights):
        """Sum of x where the weight is 1 less the sum of x where it is 0, of x (vectors, mw) and weights (mw,
        mh).
        """
        return x @ (2 * weights - 1)

    def result_range(self) -> tuple[int, int]:
        """+- mw times the largest magnitude of an input."""
        largest = 2 ** (self.in_bits - 1) if self.in_signed else 2**self.in_bits - 1
        largest *= self.get_nodeattr("mw")
        return -largest, largest

    def matrix(self) -> Matrix | None:
        """Weights of +1 and -1."""
        weights = 2 * np.asarray(self.arrays_of["weights"]).astype(np.int64) - 1
        return Matrix(weights, np.zeros(weights.shape[1], np.int64), 1)

    def offset(self, weights):
        """What the inverses add, 2**b - 1 each, and for signed inputs the shift by 2**(b-1) that makes them
        unsigned.
        """
        positive = weights.sum(axis=0)
        negative = len(weights) - positive
        shift = 2 ** (self.in_bits - 1) if self.in_signed else 0
        return shift * positive + (2**self.in_bits - 1 - shift) * negative

    @classmethod
    def examples(cls):
        """Folds of 1, odd and even lanes, signed inputs, two to twelve bits, raw sums."""
        points = [  # mw, mh, simd, pe, vectors, raw, bits, signed
            (1, 1, 1, 1, 5, False, 8, 0),
            (1, 1, 1, 1, 5, True, 8, 1),
            (2, 3, 1, 1, 3, True, 8, 0),
            (2, 3, 2, 3, 6, False, 8, 0),
            (3, 1, 3, 1, 6, False, 8, 0),
            (3, 2, 3, 2, 4, True, 8, 1),
            (4, 4, 4, 1, 3, False, 8, 0),
            (5, 3, 5, 3, 3, True, 8, 0),
            (9, 6, 3, 2, 3, False, 8, 1),
            (9, 6, 9, 6, 4, False, 8, 0),
            (9, 6, 1, 3, 2, True, 8, 0),
            (12, 4, 6, 2, 3, False, 8, 1),
            (14, 4, 7, 4, 3, True, 8, 1),
            (16, 8, 16, 8, 4, False, 8, 0),
            (27, 16, 3, 16, 4, False, 8, 0),
            (27, 8, 9, 2, 2, True, 8, 0),
            (27, 6, 27, 1, 2, False, 8, 1),
            (40, 5, 20, 5, 2, True, 8, 0),
            (49, 4, 7, 4, 2, False, 8, 0),
            (64, 3, 32, 1, 2, True, 8, 1),
            (10, 4, 5, 2, 3, False, 2, 0),
            (10, 4, 2, 4, 3, True, 2, 1),
            (12, 5, 4, 5, 3, False, 4, 1),
            (21, 3, 7, 1, 2, True, 12, 0),
            (6, 260, 6, 1, 1, False, 8, 0),  # thresholds in block RAM
        ]
        made = []
        for seed, (mw, mh, simd, pe, vectors, raw, bits, signed) in enumerate(points):
            made.append(cls.seeded(seed, mw, mh, simd, pe, vectors, raw, in_bits=bits, in_signed=signed))
        made += [cls.seeded(90, 27, 16, 3, 4, rom=rom) for rom in ("block", "logic")]
        return [*made, cls.seeded(91, 27, 16, 3, 4, rom="block", rom_rows=16)]


Op = ByteMvu
