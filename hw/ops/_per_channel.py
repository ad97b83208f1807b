"""What operators share that change every element where it is, with constants of its channel."""

from typing import ClassVar

from xnorforge.hw.ops._streams import check_divides
from xnorforge.hw.ops.base import HwOp, Stream


class PerChannel(HwOp):
    """Integers (…, C) in, as many elements out; `pe` channels per beat, a beat per cycle.

    `widths` are the attributes that say of which width the result is where the caller decides that: sums are
    taken modulo 2**out_bits.
    """

    widths: ClassVar[dict[str, tuple]] = {"out_bits": ("i", True, 0), "out_signed": ("i", False, 0)}

    def get_nodeattr_types(self):
        return {
            "in_shape": ("ints", True, []),
            "pe": ("i", False, 1),
            "in_bits": ("i", True, 0),
            "in_signed": ("i", False, 0, {0, 1}),
        }

    def in_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))

    def stream(self, bits: int, signed: bool) -> Stream:
        """A stream of all elements, `pe` of them side by side.

        Raises:
            UserError: pe does not divide the channels.
        """
        shape, pe = tuple(self.get_nodeattr("in_shape")), self.get_nodeattr("pe")
        check_divides(self.name, "pe", pe, "channels", shape[-1])
        return Stream(shape, pe, bits, signed)

    def out_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("out_bits"), bool(self.get_nodeattr("out_signed")))

    def cycles(self) -> int:
        """One beat per cycle."""
        return self.in_stream().beats
