"""Max pooling of bits is an OR, min pooling an AND."""

from functools import reduce

import numpy as np

from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops.base import Rtl, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import packed


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
    def element(self) -> tuple[int, bool]:
        return 1, False

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(all=0)

    def reduced(self, taps: list[np.ndarray]) -> np.ndarray:
        return reduce(np.minimum if self.get_nodeattr("all") else np.maximum, taps)

    def rtl(self) -> Rtl:
        module, parameters = super().rtl()
        least = packed([self.get_nodeattr("all")] * self.get_nodeattr("ifm")[2], 1)
        return module, parameters | {"Minimum": least}

    def join(self, parts: Parts, _where: str, /) -> None:
        parts.gates(joined_bits=self.get_nodeattr("pe"))


Op = OrPool
