"""Matrix-vector unit of small integers and one-bit weights: sums, or bits after a threshold."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._mvu import Mvu, offset_of_signs
from xnorforge.hw.ops.base import Matrix, node_attributes

MOST_INPUT_BITS = 12


class ByteMvu(Mvu):
    """Multiply vectors of small integers by weights of +1 and -1; return the sums or the bits sum >= T.

        sum[row] = Σ_k x[k] * (+1 where weights[k, row] is 1, else -1)

    Inputs have `in_bits` bits (2 .. 12), unsigned or two's complement. Thresholds out of reach mean "always"
    or "never"; without them the output is INT, as wide as the largest sum.

    Cost: a minus sign is free: the sum takes the bitwise inverse of x, and the constant that this adds is
    subtracted from the row's start value."""

    result_signed = True

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(in_bits=8, in_signed=(0, 1))

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
    def result_bits(self) -> int:
        """Bits of a signed sum."""
        return self.result_range()[1].bit_length() + 1

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sum of x (vectors, mw) where weights (mw, mh) are 1, less the sum where they are 0."""
        return x @ (2 * weights - 1)

    def result_range(self) -> tuple[int, int]:
        """+- mw times the largest magnitude of an input."""
        largest = 2 ** (self.in_bits - 1) if self.in_signed else 2**self.in_bits - 1
        largest *= self.get_nodeattr("mw")
        return -largest, largest

    def matrix(self) -> Matrix | None:
        """Weights of +1 and -1."""
        weights = 2 * self.integers("weights") - 1
        return Matrix(weights, np.zeros(weights.shape[1], np.int64), 1)

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """Of inverses and signs."""
        return offset_of_signs(weights, self.in_bits, self.in_signed)


Op = ByteMvu
