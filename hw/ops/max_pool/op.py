"""Max pooling of integers or bits; min pooling in some channels."""

from functools import reduce

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._pool import Pool
from xnorforge.hw.ops.base import Rtl, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import packed


class MaxPool(Pool):
    """Pool integers by their maximum, or by their minimum in channels with direction -1 (bits by OR or AND).

    Shapes: (H, W, C) to (H // kh, W // kw, C), for windows that do not overlap; rows and columns after the
    last whole window are dropped. With windows=1 the input is windows (OH, OW, kh * kw * C) of any kind from
    a Window, and the output (OH, OW, C). `direction` (C,) of +1 and -1 is all +1 by default.

    Rate: one input beat of `pe` channels per cycle. Latency: ((kh - 1) * W + kw - 1) * C / pe + 1 cycles,
    with windows=1 (kh * kw - 1) * C / pe + 1.

    Cost: one comparison and one multiplexer per lane, or one gate for bits whose channels have the same
    direction, and a line buffer of partial results."""

    arrays: tuple[str, ...] = ("direction",)
    former = ("OrPool",)  # of bits; its attribute `all` is 1 for minima

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(in_bits=1, in_signed=0)

    @property
    def of_bits(self) -> bool:
        """Whether it is an OR of bits in every channel, or an AND in every one."""
        minima = self.minima()
        return self.element == (1, False) and bool((minima == minima[0]).all())

    @property
    def priced_as(self) -> str:
        """By itself where it is one gate per lane."""
        return f"MaxPool{' of bits' * self.of_bits}"

    def minima(self) -> np.ndarray:
        """Where the minimum is taken, bool (C,).

        Raises:
            UserError: the directions are not one of +1 and -1 per channel.
        """
        channels, given = self.get_nodeattr("ifm")[-1], self.arrays_of.get("direction")
        if given is None:
            return np.full(channels, any(one.name == "all" and one.i for one in self.onnx_node.attribute))
        direction = np.asarray(given)
        if direction.shape != (channels,) or (abs(direction) != 1).any():
            raise UserError(
                f"{self.name}: direction of shape {direction.shape} must be 1 or -1 for each of {channels} "
                f"channels; use ({channels},)."
            )
        return direction < 0

    def reduced(self, taps: list[np.ndarray]) -> np.ndarray:
        flipped = self.minima()
        if not flipped.any():
            return reduce(np.maximum, taps)
        return np.where(flipped, reduce(np.minimum, taps), reduce(np.maximum, taps))

    def rtl(self) -> Rtl:
        module, parameters = super().rtl()
        return module, parameters | {"Minimum": packed(self.minima(), 1)}

    def join(self, parts: Parts, where: str, /) -> None:
        bits, lanes = self.element[0], self.get_nodeattr("pe")
        if self.of_bits:
            parts.gates(joined_bits=lanes)
            return
        parts.comparators(bits, lanes).gates(**{f"bits with a {where}": bits * lanes if bits > 1 else 0})
        parts.gates(minima=len(set(self.minima())) > 1)


Op = MaxPool
