"""Sliding window: the pixels under a convolution kernel, one kernel position after the other."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._streams import check_divides, memory_cost, packed, value_range
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.ops.window.schedule import Rows, ring


@dataclass(frozen=True)
class Axis:
    """One axis of the image: pixels, kernel, stride, pads before and behind, dilation."""

    size: int
    kernel: int
    stride: int
    before: int
    behind: int
    dilation: int

    @property
    def reach(self) -> int:
        """From the first to the last pixel of a window."""
        return (self.kernel - 1) * self.dilation

    @property
    def out(self) -> int:
        """Windows."""
        return (self.size + self.before + self.behind - self.reach - 1) // self.stride + 1

    @property
    def padded(self) -> bool:
        return self.before + self.behind > 0

    def under_kernel(self, rate: int) -> list[slice]:
        """The pixels of the padded axis under each place of a kernel of this dilation, in the middle of the
        axis' own.
        """
        first = (self.kernel - 1) * (self.dilation - rate) // 2
        last = (self.out - 1) * self.stride + 1
        return [slice(first + k * rate, first + k * rate + last, self.stride) for k in range(self.kernel)]


class Window(HwOp):
    """Images (H, W, C) to windows (OH, OW, kh * kw * C), elements in the order ky, kx, c.

    Output pixel (oy, ox) takes input pixel (oy * sh - top + ky * dh, ox * sw - left + kx * dw), or
    `pad_value` where that lies outside: 0 or 1 for bits, which stand for -1 and +1, any element value
    otherwise.

    With `rates`, 1 .. 255 and ascending, it gives (OH, OW, rates * kh * kw * C), rate first: kernels of these
    dilations around one pixel. `pads` are those of the largest, which is what `dilation` is then.
    """

    module = "xf_window"
    extents: ClassVar[dict[str, str]] = {"simd": "ifm"}

    def get_nodeattr_types(self):
        return {
            "ifm": ("ints", True, []),
            "kernel": ("ints", True, []),
            "stride": ("ints", False, [1, 1]),
            "pads": ("ints", False, [0, 0, 0, 0]),
            "pad_value": ("i", False, 0),
            "dilation": ("ints", False, [1, 1]),
            "rates": ("ints", False, [1]),
            "bits": ("i", False, 1),
            "signed": ("i", False, 0),
            "simd": ("i", False, 1),
        }

    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns.

        Raises:
            UserError: the attributes are no window that can be built.
        """
        height, width, channels = self.get_nodeattr("ifm")
        top, left, bottom, right = self.get_nodeattr("pads")
        dilations = self.dilations()
        pairs = zip(self.get_nodeattr("kernel"), self.get_nodeattr("stride"), dilations[-1])
        axes = []
        for what, size, (kernel, stride, dilation), before, behind in zip(
            ("rows", "columns"), (height, width), pairs, (top, left), (bottom, right)
        ):
            if min(size, kernel, stride, dilation) < 1:
                raise UserError(
                    f"{self.name}: size, kernel, stride and dilation of the {what} must be 1 or more."
                )
            axis = Axis(size, kernel, stride, before, behind, dilation)
            if size + before + behind <= axis.reach:
                raise UserError(
                    f"{self.name}: a kernel over {axis.reach + 1} {what} does not fit into {size} with "
                    f"pads {before} "
                    f"and {behind}; use a smaller kernel or dilation."
                )
            if not (0 <= before <= axis.reach and 0 <= behind <= axis.reach):
                raise UserError(
                    f"{self.name}: pads {before} and {behind} of the {what} leave windows with nothing but "
                    "padding; "
                    f"use 0 .. {axis.reach}."
                )
            axes.append(axis)
        self._check_rates(axes)
        check_divides(self.name, "simd", self.get_nodeattr("simd"), "channels", channels)
        low, high = value_range(self.get_nodeattr("bits"), bool(self.get_nodeattr("signed")))
        value = self.get_nodeattr("pad_value")
        if not low <= value <= high:
            raise UserError(
                f"{self.name}: pad_value={value} is no element of the stream; use {low} .. {high}."
            )
        return axes[0], axes[1]

    def dilations(self) -> list[tuple[int, int]]:
        """Dilation of rows and columns, of every rate."""
        rates = list(self.get_nodeattr("rates"))
        return [(rate, rate) for rate in rates] if len(rates) > 1 else [tuple(self.get_nodeattr("dilation"))]

    def _check_rates(self, axes) -> None:
        rates, dilation = list(self.get_nodeattr("rates")), list(self.get_nodeattr("dilation"))
        if rates == [1]:
            return
        if (
            len(rates) < 2
            or rates != sorted(set(rates))
            or not 1 <= rates[0] <= rates[-1] <= 255
            or dilation != [1, 1]
        ):
            raise UserError(
                f"{self.name}: rates={rates} with dilation={dilation} are no rates; use two or more of 1 "
                ".. 255, ascending, "
                "or dilation alone."
            )
        if any((axis.kernel - 1) * (rates[-1] - rate) % 2 for axis in axes for rate in rates):
            raise UserError(
                f"{self.name}: kernels of rates={rates} have no middle in common; use an odd kernel, or "
                "rates that are all "
                "odd or all even."
            )

    def _stream(self, shape) -> Stream:
        bits, signed = self.get_nodeattr("bits"), bool(self.get_nodeattr("signed"))
        return Stream(tuple(shape), self.get_nodeattr("simd"), bits, signed)

    def in_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("ifm"))

    def out_stream(self) -> Stream:
        y, x = self.axes()
        return self._stream((y.out, x.out, self.taps * self.get_nodeattr("ifm")[2]))

    def execute_node(self, context, _graph):
        y, x = self.axes()
        images = self.taken(context)
        pads = ((0, 0), (y.before, y.behind), (x.before, x.behind), (0, 0))
        images = np.pad(images, pads, constant_values=self.get_nodeattr("pad_value"))
        places = [
            (row, column)
            for h, w in self.dilations()
            for row in y.under_kernel(h)
            for column in x.under_kernel(w)
        ]
        windows = np.concatenate([images[:, row, column] for row, column in places], axis=-1)
        context[self.onnx_node.output[0]] = windows

    def passes_through(self) -> bool:
        """Whether the windows are the stream itself: one pixel each, or one window that is the whole
        frame.
        """
        y, x = self.axes()
        one_pixel = self.taps * y.stride * x.stride == 1
        whole = (y.kernel, x.kernel) == (y.size, x.size)
        return not (y.padded or x.padded) and (one_pixel or whole)

    @property
    def taps(self) -> int:
        """Pixels of a window."""
        kh, kw = self.get_nodeattr("kernel")
        return kh * kw * len(self.dilations())

    @property
    def beats(self) -> int:
        """Beats per pixel."""
        return self.get_nodeattr("ifm")[2] // self.get_nodeattr("simd")

    def rows(self) -> Rows:
        """The window's work by whole rows, as the RTL counts it."""
        y, x = self.axes()
        need = tuple(min(y.size, o * y.stride - y.before + y.reach + 1) for o in range(y.out))
        freed, over = [], 0
        for o in range(y.out):
            over += y.stride if o * y.stride >= y.before else 0
            freed.append(over)
        freed[-1] = y.size
        return Rows(y.size, x.size, x.out * self.taps, need, tuple(freed))

    def address_bits(self) -> int:
        """The ring has 2 ** this beats: the power of two that holds the rows needed."""
        rows = self.rows()
        return max(1, (ring(rows) * rows.write * self.beats - 1).bit_length())

    def cycles(self) -> int:
        """The slower side's beats: max(H * W, OH * OW * taps) * C / simd."""
        return self.in_stream().beats if self.passes_through() else self.rows().interval * self.beats

    def needs(self, _port: int = 0) -> np.ndarray:
        """All rows of its windows for every beat of an output row."""
        if self.passes_through():
            return super().needs()
        rows = self.rows()
        return np.repeat(np.array(rows.need) * rows.write * self.beats, rows.read * self.beats)

    def latency(self) -> int:
        """All rows of the first window must be there; a word passes the ring's register and the output's."""
        rows = self.rows()
        return 1 if self.passes_through() else rows.need[0] * rows.write * self.beats + 2

    def rtl(self):
        y, x = self.axes()
        source = self.in_stream()
        rates = [rate for rate, _ in self.dilations()]
        parameters = {
            "ImageH": y.size, "ImageW": x.size, "Beats": self.beats,
            "Lanes": source.lanes, "Bits": source.bits,
            "KernelH": y.kernel, "KernelW": x.kernel, "StrideH": y.stride, "StrideW": x.stride,
            "PadTop": y.before, "PadLeft": x.before, "PadBottom": y.behind, "PadRight": x.behind,
            "DilationH": y.dilation, "DilationW": x.dilation, "PadValue": self.get_nodeattr("pad_value"),
            "Rates": len(rates), "RateList": packed(rates, 8),
            "AddrW": 1 if self.passes_through() else self.address_bits(),
        }  # fmt: skip
        return self.module, parameters

    def estimate(self):
        source, (y, x) = self.in_stream(), self.axes()
        if self.passes_through():
            return {"lut": source.width + 4.0, "bram36": 0.0}
        address = self.address_bits()
        ring_memory = memory_cost(1 << address, source.width)
        rows_kept = ((1 << address) // (x.size * self.beats)).bit_length() + 1
        spans = (x.size * self.beats, x.size + x.before + x.behind, y.size + y.before + y.behind)
        counters = 2 * address + 2 * rows_kept + sum(span.bit_length() for span in spans)
        counters += sum((size - 1).bit_length() for size in (self.beats, y.kernel, x.kernel))
        counters += 3 * (len(self.dilations()) - 1)
        return {"lut": ring_memory["lut"] + counters + 19, "bram36": ring_memory["bram36"]}

    @classmethod
    def examples(cls):
        """(ifm, kernel, stride, pads, dilation, bits, signed, pad_value, simd)"""
        no = (0, 0, 0, 0)
        points = [
            ((5, 6, 4), (3, 3), (1, 1), no, (1, 1), 1, 0, 0, 4),        # plain
            ((6, 5, 4), (3, 3), (1, 1), no, (1, 1), 1, 0, 0, 2),        # folded
            ((6, 6, 3), (3, 3), (1, 1), no, (1, 1), 8, 0, 0, 3),        # bytes
            ((5, 5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 4),
            ((5, 5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 1, 1),
            ((4, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 4, 1, -3, 1),
            ((7, 7, 2), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),
            ((8, 8, 2), (3, 3), (2, 2), (0, 0, 1, 1), (1, 1), 1, 0, 1, 1),  # the last row of pads never used
            ((8, 9, 2), (2, 2), (2, 2), no, (1, 1), 1, 0, 0, 2),        # a column over, as fast in as out
            ((9, 8, 2), (2, 2), (2, 2), no, (1, 1), 2, 0, 0, 2),        # a row over
            ((7, 8, 3), (1, 1), (2, 2), no, (1, 1), 1, 0, 0, 3),        # input is the slower side
            ((9, 7, 1), (2, 3), (3, 2), no, (1, 1), 5, 1, 0, 1),
            ((5, 4, 6), (1, 1), (1, 1), no, (1, 1), 1, 0, 0, 3),        # the stream itself
            ((3, 4, 2), (3, 4), (1, 1), no, (1, 1), 1, 0, 0, 1),        # one window, the whole frame
            ((3, 3, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),
            ((9, 9, 2), (3, 3), (1, 1), no, (2, 2), 1, 0, 0, 2),        # dilated
            ((8, 8, 2), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, 0, 1, 1),
            ((10, 9, 1), (3, 2), (2, 1), (3, 1, 2, 0), (2, 3), 3, 0, 5, 1),
            ((6, 12, 1), (1, 5), (1, 2), (0, 2, 0, 2), (1, 1), 1, 0, 0, 1),
            ((12, 3, 2), (5, 1), (1, 1), (2, 0, 2, 0), (1, 1), 1, 0, 1, 2),
            ((2, 2, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),  # kernel larger than the image
            ((11, 5, 2), (3, 3), (4, 1), no, (1, 1), 1, 0, 0, 2),       # rows between windows unread
            ((2, 7, 1), (3, 3), (3, 3), (2, 2, 2, 2), (1, 1), 2, 0, 1, 1),
            ((1, 9, 2), (1, 3), (1, 1), (0, 1, 0, 1), (1, 1), 1, 0, 0, 2),
            # a single row, and rows of padding
            ((1, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 1),
            ((1, 1, 2), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, 0, 1, 2),
            ((9, 1, 2), (1, 1), (2, 1), no, (1, 1), 1, 0, 0, 2),        # each row a beat
        ]  # fmt: skip
        several = [  # ifm, kernel, stride, pads, rates, bits, signed, pad_value, simd
            ((7, 8, 4), (3, 3), (1, 1), (2, 2, 2, 2), (1, 2), 1, 0, 0, 4),
            ((9, 7, 4), (3, 3), (1, 1), (4, 4, 4, 4), (1, 2, 4), 1, 0, 0, 2),
            # taps that never meet the image
            ((6, 5, 2), (3, 3), (1, 1), (8, 8, 8, 8), (1, 4, 8), 1, 0, 1, 1),
            ((11, 9, 2), (3, 3), (2, 2), (4, 4, 4, 4), (1, 2, 4), 1, 0, 0, 2),
            ((10, 11, 1), (3, 3), (2, 3), no, (1, 2, 3, 4), 2, 0, 0, 1),         # no border
            ((9, 8, 3), (5, 3), (1, 1), (6, 3, 6, 3), (2, 3), 3, 1, -4, 3),
            # an even kernel between pixels
            ((8, 9, 2), (2, 2), (1, 1), (2, 1, 1, 2), (1, 3), 1, 0, 0, 2),
            ((1, 9, 2), (1, 3), (1, 1), (0, 2, 0, 2), (1, 2), 1, 0, 0, 1),
            ((8, 6, 8), (3, 3), (1, 1), (3, 0, 1, 2), (1, 2), 1, 0, 1, 4),       # another border on each side
        ]  # fmt: skip
        names = ["ifm", "kernel", "stride", "pads", "dilation", "bits", "signed", "pad_value", "simd"]
        made = cls.from_points("window", names, points)
        names[4] = "rates"
        return [*made, *cls.from_points("rates", names, several)]


Op = Window
