"""Pooling of bits: the maximum is an OR, the minimum an AND."""

from functools import reduce

import numpy as np

from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops._streams import packed


class OrPool(Pool):
    """Bits (H, W, C) to (H // kh, W // kw, C): the maximum (`all`=1: the minimum) over windows that do not
    overlap; with windows=1 bits (OH, OW, kh * kw * C) to (OH, OW, C), see `Pool`.

    Rows and columns beyond the last whole window are dropped.
    """

    element = (1, False)

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {"all": ("i", False, 0)}

    def reduced(self, taps):
        return reduce(np.minimum if self.get_nodeattr("all") else np.maximum, taps)

    def rtl(self):
        module, parameters = super().rtl()
        return module, parameters | {
            "Minimum": packed([self.get_nodeattr("all")] * self.get_nodeattr("ifm")[2], 1)
        }

    def join_cost(self, _line):
        return self.get_nodeattr("pe")

    def join_chains(self):
        return 0

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
