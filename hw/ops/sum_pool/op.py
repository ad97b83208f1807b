"""Sum pooling: average pooling whose division is left to the next layer's constants."""

from math import prod

import numpy as np

from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops.base import Rtl, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import value_range


class SumPool(Pool):
    """Pool integers by their sum; bits count as 0 and 1.

    Shapes: (H, W, C) to (H // kh, W // kw, C), for windows that do not overlap; rows and columns after the
    last whole window are dropped. With windows=1 the input is windows (OH, OW, kh * kw * C) of any kind from
    a Window, and the output (OH, OW, C). A sum has the bits that kh * kw of the largest elements need, and is
    signed where they are. A kernel of the whole map is global average pooling.

    Rate: one input beat of `pe` channels per cycle. Latency: ((kh - 1) * W + kw - 1) * C / pe + 1 cycles,
    with windows=1 (kh * kw - 1) * C / pe + 1.

    Cost: one addition per lane, and a line buffer of partial sums."""

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(in_bits=1, in_signed=0)

    @property
    def result(self) -> tuple[int, bool]:
        """Bits and sign of a sum."""
        bits, signed = self.element
        low, high = value_range(bits, signed)
        taps = prod(self.get_nodeattr("kernel"))
        return (taps * (-low if signed else high) - signed).bit_length() + signed, signed

    def reduced(self, taps: list[np.ndarray]) -> np.ndarray:
        return sum(taps[1:], taps[0])

    def rtl(self) -> Rtl:
        module, parameters = super().rtl()
        return module, parameters | {"Sum": 1}

    def join(self, parts: Parts, _where: str, /) -> None:
        sink = self.out_stream()
        parts.adders(sink.bits, count=sink.lanes)


Op = SumPool
