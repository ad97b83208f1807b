"""Max pooling of bits is an OR, min pooling an AND."""

from functools import reduce

import numpy as np

from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops._streams import packed


class OrPool(Pool):
    """Pool bits by an OR (their maximum), or with all=1 by an AND (their minimum).

    Shapes: (H, W, C) to (H // kh, W // kw, C), for windows that do not overlap; rows and columns after the
    last whole window are dropped. With windows=1 the input is windows (OH, OW, kh * kw * C) of any kind from
    a Window, and the output (OH, OW, C).

    Rate: one input beat of `pe` channels per cycle. Latency: ((kh - 1) * W + kw - 1) * C / pe + 1 cycles,
    with windows=1 (kh * kw - 1) * C / pe + 1.

    Cost: one gate per lane, and a line buffer of partial results.
    """

    @property
    def element(self):
        return 1, False

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {"all": ("i", False, 0)}

    def reduced(self, taps):
        return reduce(np.minimum if self.get_nodeattr("all") else np.maximum, taps)

    def rtl(self):
        module, parameters = super().rtl()
        return module, parameters | {
            "Minimum": packed([self.get_nodeattr("all")] * self.get_nodeattr("ifm")[2], 1)
        }

    def join(self, parts, _where, /):
        parts.gates(joined_bits=self.get_nodeattr("pe"))

    @classmethod
    def examples(cls):
        """(ifm, kernel, pe, all)"""
        points = [
            ((4, 4, 4), (2, 2), 4, 0), ((4, 4, 4), (2, 2), 1, 0), ((6, 4, 6), (2, 2), 3, 0),
            ((4, 6, 4), (2, 2), 2, 1),
            ((5, 5, 2), (2, 2), 2, 0), ((5, 5, 2), (2, 2), 1, 0), ((5, 4, 2), (2, 2), 1, 1),
            ((4, 5, 6), (2, 2), 2, 0),
            ((6, 6, 3), (3, 3), 3, 0), ((7, 8, 3), (3, 3), 1, 0), ((8, 7, 2), (3, 3), 2, 1),
            ((9, 9, 2), (3, 3), 1, 1),
            ((3, 3, 5), (3, 3), 5, 0), ((2, 2, 4), (2, 2), 2, 0), ((4, 6, 2), (1, 2), 1, 0),
            ((4, 6, 2), (1, 3), 2, 0),
            ((6, 4, 3), (2, 1), 1, 0), ((7, 4, 3), (3, 1), 3, 1), ((6, 9, 2), (2, 4), 1, 0),
            ((9, 6, 4), (4, 2), 2, 0),
            ((4, 3, 2), (1, 1), 1, 0), ((2, 9, 40), (2, 2), 40, 0), ((1, 8, 6), (1, 4), 2, 1),
            ((8, 1, 2), (4, 1), 1, 0),
        ]  # fmt: skip
        of_windows = [((3, 4, 4), (3, 3), 2, 0), ((2, 5, 3), (2, 3), 3, 1), ((1, 1, 2), (4, 1), 1, 0)]
        found = [(*point, 0) for point in points] + [(*point, 1) for point in of_windows]
        return [
            cls.make(f"or_pool_{i}", ifm=ifm, kernel=kernel, stride=kernel, pe=pe, all=every, windows=windows)
            for i, (ifm, kernel, pe, every, windows) in enumerate(found)
        ]


Op = OrPool
