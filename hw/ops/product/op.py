"""The product of two streams: gates, squeeze and excite, products of bits."""

from xnorforge.hw.beat import CombiningBeat
from xnorforge.hw.ir.values import Value
from xnorforge.hw.ops.base import node_attributes


class Product(CombiningBeat):
    """Multiply two streams element by element.

        y = a * b    modulo 2**out_bits;  with xnor=1:  y = 1 where a = b, else 0

    Shapes: two streams (…, C) to (…, C). `in_bits` and `in_signed` have one entry per stream. With xnor=1
    inputs and result are single bits that stand for -1 and +1.

    Rate: one beat of `pe` channels per cycle; a beat is taken from both streams at once. Latency: 1 cycle.

    Cost: a gate per bit where a factor is one bit, else a DSP block per lane for products of 9 bits or more.
    """

    what = "The product of two streams, element by element."

    @property
    def inputs(self) -> int:
        """Two."""
        return 2

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(xnor=(0, 1))

    def expression(self, x0: Value, x1: Value) -> Value:
        return x0.equals(x1) if self.get_nodeattr("xnor") else x0 * x1


Op = Product
