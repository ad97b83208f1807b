"""Digits of wide integers, as matrices take them."""

from xnorforge.hw.beat import Beat
from xnorforge.hw.ir.values import Value
from xnorforge.hw.ops.base import node_attributes


class Digit(Beat):
    """A digit of integers: some of their bits.

        y[…, c] = floor(x[…, c] / 2**shift)    modulo 2**out_bits

    Shapes: integers (…, C) to as many. `shift` is any number of bits.

    Rate: one beat of `pe` channels per cycle. Latency: 1 cycle.

    Cost: the registers of the result."""

    what = "Some bits of x."

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(shift=int) | self.widths

    def expression(self, x: Value) -> Value:
        return x >> self.get_nodeattr("shift")


Op = Digit
