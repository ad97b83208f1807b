"""Clipping on one side: ReLU and similar functions before a sum."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.beat import Beat
from xnorforge.hw.ir.values import Value, beyond, choose
from xnorforge.hw.ops.base import node_attributes


class Clip(Beat):
    """Clip integers on one side: the maximum with a bound, or the minimum in channels with direction -1.

        y[…, c] = max(mul * x[…, c], at[c])    where direction[c] is +1, else min; modulo 2**out_bits

    Shapes: integers (…, C) to integers (…, C). `at` (C,) holds any integers; `direction` (C,) of +1 and -1 is
    all +1 by default. `mul` is 1 or 2.

    Rate: one beat of `pe` channels per cycle. Latency: 1 cycle.

    Cost: one comparison with a constant per lane; the constants are a table in LUTs."""

    what = "The maximum of a multiple of x and the bound of its channel, or the minimum."
    arrays: tuple[str, ...] = ("at", "direction")

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(mul=(1, 2)) | self.widths

    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds and directions, integers (C,) each.

        Raises:
            UserError: they are not one per channel, or a direction is not 1 or -1.
        """
        channels, direction = self.get_nodeattr("in_shape")[-1], self.directions()
        at = whole_numbers(self.arrays_of["at"])
        if at.shape != (channels,) or direction.shape != (channels,):
            raise UserError(
                f"{self.name}: at has shape {at.shape} and direction {direction.shape}, but there are "
                f"{channels} channels; use ({channels},) for both."
            )
        return at, direction

    def expression(self, x: Value) -> Value:
        at, direction = self.tables()
        bound, falls = self.constant("bound", at), self.constant("falls", direction < 0)
        scaled = (x * self.get_nodeattr("mul")).named("scaled")
        return choose(beyond(scaled, bound) ^ falls, scaled, bound)


Op = Clip
