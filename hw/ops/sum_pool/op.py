"""Sum pooling: average pooling whose division is left to the next layer's constants."""

from math import prod
from typing import Any

from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops._streams import value_range


class SumPool(Pool):
    """Pool integers by their sum; bits count as 0 and 1.

    Shapes: (H, W, C) to (H // kh, W // kw, C), for windows that do not overlap; rows and columns after the
    last whole window are dropped. With windows=1 the input is windows (OH, OW, kh * kw * C) of any kind from
    a Window, and the output (OH, OW, C). A sum has the bits that kh * kw of the largest elements need, and is
    signed where they are. A kernel of the whole map is global average pooling.

    Rate: one input beat of `pe` channels per cycle. Latency: ((kh - 1) * W + kw - 1) * C / pe + 1 cycles,
    with windows=1 (kh * kw - 1) * C / pe + 1.

    Cost: one addition per lane, and a line buffer of partial sums.
    """

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {"in_bits": ("i", False, 1), "in_signed": ("i", False, 0)}

    @property
    def result(self):
        """Bits and sign of a sum."""
        bits, signed = self.element
        low, high = value_range(bits, signed)
        taps = prod(self.get_nodeattr("kernel"))
        return (taps * (-low if signed else high) - signed).bit_length() + signed, signed

    def reduced(self, taps):
        return sum(taps[1:], taps[0])

    def rtl(self):
        module, parameters = super().rtl()
        return module, parameters | {"Sum": 1}

    def join(self, parts, _where, /):
        sink = self.out_stream()
        parts.adders(sink.bits, count=sink.lanes)

    @classmethod
    def examples(cls):
        """(ifm, kernel, pe, in_bits, in_signed)"""
        points: list[tuple[Any, ...]] = [
            ((4, 4, 4), (2, 2), 4, 1, 0), ((4, 4, 4), (2, 2), 1, 8, 0), ((6, 4, 6), (2, 2), 3, 5, 1),
            ((4, 6, 4), (2, 2), 2, 2, 1), ((5, 5, 2), (2, 2), 2, 8, 1), ((5, 5, 2), (2, 2), 1, 1, 0),
            ((4, 7, 6), (2, 3), 2, 4, 0), ((7, 8, 3), (3, 3), 1, 3, 0), ((8, 7, 2), (3, 3), 2, 6, 1),
            ((3, 3, 5), (3, 3), 5, 1, 0), ((7, 7, 4), (7, 7), 4, 1, 0), ((7, 7, 4), (7, 7), 2, 8, 1),
            ((4, 4, 6), (4, 4), 1, 12, 1), ((8, 8, 3), (8, 8), 1, 1, 0), ((2, 2, 1), (2, 2), 1, 18, 1),
            ((4, 6, 2), (1, 3), 1, 4, 1), ((6, 4, 3), (2, 1), 3, 7, 0), ((1, 8, 6), (1, 4), 6, 2, 0),
            ((4, 3, 2), (1, 1), 1, 5, 1), ((1, 1, 4), (1, 1), 2, 3, 0), ((9, 7, 4), (4, 4), 4, 9, 1),
            ((3, 2, 2), (3, 2), 2, 1, 1), ((11, 2, 3), (3, 2), 1, 6, 0), ((8, 1, 2), (4, 1), 1, 2, 1),
            ((4, 4, 4), (2, 2), 2, 61, 1), ((4, 4, 3), (2, 2), 1, 68, 1), ((3, 3, 2), (3, 3), 1, 33, 0),
        ]  # fmt: skip
        of_windows = [
            ((3, 4, 4), (3, 3), 2, 8, 1),
            ((2, 5, 3), (2, 3), 3, 1, 0),
            ((1, 1, 2), (4, 1), 1, 9, 1),
        ]
        names = ("ifm", "kernel", "stride", "pe", "in_bits", "in_signed", "windows")
        points = [(ifm, kernel, kernel, *rest, 0) for ifm, kernel, *rest in points]
        points += [(ifm, kernel, kernel, *rest, 1) for ifm, kernel, *rest in of_windows]
        return cls.from_points("sum_pool", names, points)


Op = SumPool
