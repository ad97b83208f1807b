"""Padding of an image with one value per channel."""

from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints
from xnorforge.hw.any_width import as_width
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides, packed, value_range
from xnorforge.hw.timing import Stop, Timing, works_of
from xnorforge.hw.words import bits_of, different_columns


def surrounded(x: np.ndarray, pads: Ints, values: ArrayLike) -> np.ndarray:
    """x (N, H, W, C) inside a border of `values`, one or (C,); `pads` are top, left, bottom, right."""
    (count, height, width, channels), (top, left, bottom, right) = x.shape, pads
    found = np.empty((count, top + height + bottom, left + width + right, channels), x.dtype)
    found[:] = values
    found[:, top : top + height, left : left + width] = x
    return found


class Surround(HwOp):
    """Surround an image with a border of constant values.

    Shapes: (H, W, C) to (top + H + bottom, left + W + right, C), with `pads` = [top, left, bottom, right] of
    0 or more. `values` (C,) are the border's values; the output has `out_bits` bits, `out_signed` or not,
    which hold these and every input element.

    A convolution's own padding is part of its Window; Surround serves wider borders, several values, and
    borders before pools, sums and forks.

    Rate: one output beat of `pe` channels per cycle. Latency: 1 cycle; the border before the first pixel
    leaves earlier, once the frame's first beat is offered.

    Cost: two registers per bit of a beat, and three counters."""

    module = "xf_surround"
    arrays: tuple[str, ...] = ("values",)
    extents: ClassVar[dict[str, str]] = {"pe": "ifm"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            ifm=[], pads=[], pe=1, in_bits=int, in_signed=(0, 1), out_bits=int, out_signed=(0, 1),
        )  # fmt: skip

    def in_stream(self) -> Stream:
        ifm, pe = tuple(self.get_nodeattr("ifm")), self.get_nodeattr("pe")
        check_divides(self.name, "pe", pe, "channels", ifm[2])
        return Stream(ifm, pe, self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))

    def out_stream(self) -> Stream:
        (height, width, channels), (top, left, bottom, right) = self.in_stream().shape, self.pads()
        shape, (bits, signed) = (top + height + bottom, left + width + right, channels), self.result()
        return Stream(shape, self.get_nodeattr("pe"), bits, signed)

    def pads(self) -> list[int]:
        """Top, left, bottom, right.

        Raises:
            UserError: they are not four numbers of 0 or more.
        """
        pads = list(self.get_nodeattr("pads"))
        if len(pads) != 4 or min(pads) < 0:
            raise UserError(f"{self.name}: pads={pads} are not valid; use four numbers of 0 or more.")
        return pads

    def result(self) -> tuple[int, bool]:
        """Bits and sign of an element of the output.

        Raises:
            UserError: they do not hold all elements of the input.
        """
        bits, signed = self.get_nodeattr("out_bits"), bool(self.get_nodeattr("out_signed"))
        given = self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed"))
        (low, high), (least, most) = value_range(bits, signed), value_range(*given)
        if least < low or most > high:
            raise UserError(
                f"{self.name}: out_bits={bits} with out_signed={int(signed)} holds {low} .. {high}, but "
                f"inputs range over {least} .. {most}; raise out_bits, or set out_signed=1."
            )
        return bits, signed

    def values(self) -> np.ndarray:
        """The border's value in every channel, int64 (C,).

        Raises:
            UserError: there is not one of the output's range for every channel.
        """
        channels, (low, high) = self.get_nodeattr("ifm")[-1], value_range(*self.result())
        values = self.integers("values")
        if values.shape != (channels,) or values.min() < low or values.max() > high:
            raise UserError(
                f"{self.name}: values have shape {values.shape} and range over {values.min()} .. "
                f"{values.max()}; use shape ({channels},) and values in {low} .. {high}."
            )
        return values

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        x = as_width(self.taken(context), self.result()[0])
        context[self.onnx_node.output[0]] = surrounded(x, self.pads(), self.values())

    def timing(self) -> Timing:
        """A beat of the border leaves without input, once a beat of the frame has been offered."""
        (height, width, channels), (top, left, _, _) = self.in_stream().shape, self.pads()
        inside = np.zeros(self.out_stream().shape[:2], bool)
        inside[top : top + height, left : left + width] = True
        takes = np.repeat(inside.ravel(), channels // self.in_stream().lanes)
        return Timing(works_of(True, takes, ~np.logical_or.accumulate(takes)), 1, Stop.SPARE)

    def rtl(self) -> Rtl:
        source, sink, (top, left, bottom, right) = self.in_stream(), self.out_stream(), self.pads()
        height, width, channels = source.shape
        return self.module, {
            "ImageH": height, "ImageW": width, "Beats": channels // source.lanes, "Pe": source.lanes,
            "InBits": source.bits, "Signed": source.signed, "OutBits": sink.bits, "PadTop": top,
            "PadLeft": left, "PadBottom": bottom, "PadRight": right,
            "Values": packed(self.values(), sink.bits),
        }  # fmt: skip

    def parts(self) -> Parts:
        """A bit of the border is a register's set or reset where all beats agree, or a choice."""
        sink, (height, width, channels) = self.out_stream(), self.out_stream().shape
        values = self.values().reshape(-1, sink.lanes)
        changing = different_columns(bits_of(values, sink.bits), equal=True)
        sizes = [size for size in (height, width, channels // sink.lanes) if size > 1]
        found = Parts(counters=len(sizes), sides=sum(pad > 0 for pad in self.pads()))
        found.gates(border_bits=changing, deep=changing * max(0, (len(values) - 1).bit_length() - 3))
        return found.counters(*sizes).spare(sink.width).registers(sink.width + 2)


Op = Surround
