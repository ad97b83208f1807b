"""Sliding window: the pixels under a convolution kernel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ops.base import Attributes, HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.ops.window.abreast import row_elements
from xnorforge.hw.ops.window.schedule import Rows, ring
from xnorforge.hw.ops.window.several import Beats, groups, offered
from xnorforge.hw.ops.window.whole import Line, Steps, waiting, whole_elements
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides, packed, value_range
from xnorforge.hw.timing import SKID, Buffer, Stop, Timing, Work, fifo, works_of


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
        """The pixels of the padded axis under each place of a kernel of this dilation, centred."""
        first = (self.kernel - 1) * (self.dilation - rate) // 2
        last = (self.out - 1) * self.stride + 1
        return [slice(first + k * rate, first + k * rate + last, self.stride) for k in range(self.kernel)]


def column_registers(x: Axis, rows: int, each: int, free: bool, lines: bool) -> Parts:
    """Registers of a window of `rows` rows, whose columns advance by `each` per step, per bit of a pixel.

    Where nothing is padded (`free`), registers in a row of which only the last one is read may be a shift
    register; the first row's begins with the register of the lines where there is one."""
    newest = (x.reach - x.before) % each
    taps, end, found = range(0, x.reach + 1, x.dilation), x.reach + each - newest, Parts()
    for row in range(rows):
        for tap in taps:
            behind = next((t for t in taps if t > tap and (t - tap) % each == 0), None)
            run = len(range(tap, behind or end, each))
            line = int(lines and row == 0 and rows > 1 and behind is None)
            if free:
                found.delay(1, run + line).registers(-line)
            else:
                found.registers(run)
    return found


class Window(HwOp):
    """Cut an image into the windows under a convolution kernel.

        window (oy, ox), tap (ky, kx) = pixel (oy * sh - top + ky * dh, ox * sw - left + kx * dw)

    Taps outside the image are `pad_value`, one element; for bits 0 or 1, which stand for -1 or +1.

    Shapes: (H, W, C) to (OH, OW, kh * kw * C), in the order ky, kx, c. `kernel`, `stride`, `pads` = [top,
    left, bottom, right] and `dilation` are free, except that no window may be padding only. With `rates`, two
    or more ascending dilations of 1 .. 255, the output is (OH, OW, rates * kh * kw * C): kernels of all these
    dilations around the same pixel, with the pads of the largest.

    `simd` elements leave per beat. If it divides C, as many are taken per beat: the image waits in a ring of
    rows, which is written once and read once per window. If it is kh * kw * C, a whole window leaves per beat
    and a whole pixel is taken: kh - 1 lines and registers under the kernel replace the ring (`whole.py`).
    Then `pixels` neighbours of a row may be taken per beat, for a column stride of 2 or more (`several.py`).
    With `rates` it may be kw * C, one kernel row per beat (`abreast.py`).

    Rate: max(H * W, OH * OW * kh * kw) * C / simd cycles per frame; a whole window per beat takes one cycle
    per pixel, including padding on the right and below. Latency: (rows of the first window - 1) * W * C /
    simd + 2 cycles, one row more where kernel and stride leave out columns; a whole window leaves 2 or 3
    cycles after its last pixel.

    Cost: the ring or lines in LUT RAM or block RAM, address counters; padding is free."""

    module = "xf_window"
    extents: ClassVar[dict[str, str]] = {"simd": "ifm", "pixels": "ifm"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            ifm=[], kernel=[], stride=[1, 1], pads=[0, 0, 0, 0], pad_value=0, dilation=[1, 1], rates=[1],
            bits=1, signed=0, simd=1, pixels=1,
        )  # fmt: skip

    def axes(self) -> tuple[Axis, Axis]:
        """Rows and columns.

        Raises:
            UserError: the attributes do not describe a window that can be built.
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
                    f"{self.name}: a kernel that covers {axis.reach + 1} {what} does not fit into {size} "
                    f"with pads {before} and {behind}; use a smaller kernel or dilation."
                )
            if not (0 <= before <= axis.reach and 0 <= behind <= axis.reach):
                raise UserError(
                    f"{self.name}: pads {before} and {behind} of the {what} would make windows of padding "
                    f"only; use 0 .. {axis.reach}."
                )
            axes.append(axis)
        self._check_rates(axes)
        if not self.whole_pixels or (self.whole and whole_elements(self._attributes()) is None):
            check_divides(self.name, "simd", self.get_nodeattr("simd"), "channels", channels)
        self._check_pixels()
        low, high = value_range(self.get_nodeattr("bits"), bool(self.get_nodeattr("signed")))
        value = self.get_nodeattr("pad_value")
        if not low <= value <= high:
            raise UserError(
                f"{self.name}: pad_value={value} is out of the stream's range; use {low} .. {high}."
            )
        return axes[0], axes[1]

    def _check_pixels(self) -> None:
        pixels = self.get_nodeattr("pixels")
        folding = {name: self.get_nodeattr(name) for name in self.extents}
        if not self.together(self._attributes(), folding):
            raise UserError(
                f"{self.name}: pixels={pixels} is not supported here; it needs whole windows, must divide "
                "the pixels of a row, and must divide, or be a multiple of, a column stride of 2 or more."
            )

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
                f"{self.name}: rates={rates} with dilation={dilation} are not valid; use two or more "
                "ascending rates of 1 .. 255, or dilation only."
            )
        if any((axis.kernel - 1) * (rates[-1] - rate) % 2 for axis in axes for rate in rates):
            raise UserError(
                f"{self.name}: the kernels of rates={rates} do not share a centre; use an odd kernel, or "
                "rates that are all odd or all even."
            )

    @property
    def whole(self) -> bool:
        """Whether a whole window of several pixels leaves per beat."""
        return self.taps > 1 and self.get_nodeattr("simd") == self.taps * self.get_nodeattr("ifm")[2]

    @property
    def several(self) -> bool:
        """Whether several pixels come per beat."""
        return self.whole and self.get_nodeattr("pixels") > 1

    @property
    def abreast(self) -> int:
        """Pixels of a ring that leave side by side: a row of a kernel's, or one."""
        width = self.get_nodeattr("kernel")[1]
        return width if self.get_nodeattr("simd") == row_elements(self._attributes()) else 1

    @property
    def whole_pixels(self) -> bool:
        """Whether a whole pixel is taken per beat, and more than one leave."""
        return self.whole or self.abreast > 1

    @classmethod
    def foldings(cls, attributes: Attributes) -> dict[str, list[int]]:
        """Divisors of the channels, a row of a kernel, and the whole window."""
        simd, elements = super().foldings(attributes)["simd"], whole_elements(attributes)
        more = [size for size in (row_elements(attributes), elements) if size is not None]
        return {"simd": [*simd, *more], "pixels": [1] if elements is None else offered(attributes)}

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        _, columns, channels = attributes["ifm"]
        return {"simd": channels, "pixels": columns}

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Several pixels make whole windows."""
        pixels = folding.get("pixels", 1)
        whole = folding["simd"] == whole_elements(attributes)
        return pixels == 1 or (whole and groups(attributes, pixels) > 0)

    def _attributes(self) -> dict:
        names = ("ifm", "kernel", "stride", "pads", "dilation", "rates")
        return {name: self.get_nodeattr(name) for name in names}

    def _stream(self, shape, lanes: int) -> Stream:
        bits, signed = self.get_nodeattr("bits"), bool(self.get_nodeattr("signed"))
        return Stream(tuple(shape), lanes, bits, signed)

    def in_stream(self) -> Stream:
        ifm = self.get_nodeattr("ifm")
        lanes = ifm[2] * self.get_nodeattr("pixels") if self.whole_pixels else self.get_nodeattr("simd")
        return self._stream(ifm, lanes)

    def out_stream(self) -> Stream:
        y, x = self.axes()
        elements = self.taps * self.get_nodeattr("ifm")[2]
        return self._stream((y.out, x.out, elements), self.get_nodeattr("simd"))

    def execute_node(self, context: Tensors, _graph: object) -> None:
        y, x = self.axes()
        images = self.taken(context)
        pads = ((0, 0), (y.before, y.behind), (x.before, x.behind), (0, 0))
        images = np.pad(images, pads, constant_values=self.get_nodeattr("pad_value"))
        under = [(y.under_kernel(h), x.under_kernel(w)) for h, w in self.dilations()]
        places = [(row, column) for rows, columns in under for row in rows for column in columns]
        windows = np.concatenate([images[:, row, column] for row, column in places], axis=-1)
        context[self.onnx_node.output[0]] = windows

    def passes_through(self) -> bool:
        """Whether the windows are the stream itself: one pixel each, or the whole frame."""
        if self.whole:
            return False
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
        """Beats per pixel that comes."""
        return self.get_nodeattr("ifm")[2] // self.in_stream().lanes

    def steps(self) -> Steps:
        """The work of a window that is given whole, as the RTL counts it."""
        y, x = (Line(axis.size, axis.out, axis.stride, axis.reach - axis.before) for axis in self.axes())
        pixels = self.get_nodeattr("pixels")
        return Beats(y, x, pixels, min(pixels, x.stride)) if self.several else Steps(y, x)

    def waiting_room(self) -> tuple[int, bool]:
        """Beats that wait in front of whole windows, and whether in block RAM."""
        beats = waiting(self.steps())
        return beats, memory_of(beats, self.in_stream().width).block

    def rows(self) -> Rows:
        """The window's work by whole rows, as the RTL counts it."""
        y, x = self.axes()
        need = tuple(min(y.size, o * y.stride - y.before + y.reach + 1) for o in range(y.out))
        freed, over = [], 0
        for o in range(y.out):
            over += y.stride if o * y.stride >= y.before else 0
            freed.append(over)
        freed[-1] = y.size
        return Rows(y.size, x.size, x.out * self.taps // self.abreast, need, tuple(freed))

    def address_bits(self) -> int:
        """The ring has 2 ** this beats: the power of two that holds the rows needed."""
        rows = self.rows()
        return max(1, (ring(rows) * rows.write * self.beats - 1).bit_length())

    def read_until(self) -> np.ndarray:
        """For every beat of an output row all rows of its windows; where the reader follows the writer, of
        the last one the pixels read so far, of a frame one beat."""
        (y, x), rows, each = self.axes(), self.rows(), self.beats
        need = np.array(rows.need)[:, np.newaxis]
        if (y.reach, x.reach) != (y.kernel - 1, x.kernel - 1) or x.stride > x.kernel:  # leave columns out
            return np.repeat(need * rows.write * each, rows.read * each)
        place, ky, kx = np.indices((x.out, y.kernel, x.kernel)).reshape(3, -1)
        row = np.arange(y.out)[:, np.newaxis] * y.stride - y.before + ky
        column = place * x.stride - x.before + kx
        inside = (row == need - 1) & (column >= 0) & (column < x.size)
        read = np.where(inside[..., np.newaxis], column[:, np.newaxis] * each + np.arange(1, each + 1), 0)
        least = int(rows.need[0] == 1)  # where no whole row comes first, a beat of the row
        beats = ((need - 1) * rows.write * each)[..., np.newaxis] + np.maximum(read, least)
        return np.maximum.accumulate(beats.ravel())

    def timing(self) -> Timing:
        """The reader of the ring waits for the beats that it needs, the writer for whole rows of room; a
        register behind the ring, then the one at the output. Whole windows have rows of their own."""
        if self.whole:
            return self.timing_of_whole()
        if self.passes_through():
            return SKID
        rows = self.rows()
        beats = rows.write * self.beats
        room = (1 << self.address_bits()) // beats * beats
        works = [Work(rows.read * self.beats, frees=freed * beats) for freed in rows.freed]
        buffer = Buffer(rows.height * beats, room, needed=self.read_until, even=True)
        return Timing(works, 2, Stop.BEHIND, buffer)

    def timing_of_whole(self) -> Timing:
        """Behind a FIFO a step per pixel, and without one where a window reaches beyond the image; the steps
        that complete a window give it. A beat of several pixels is seen by its steps before the last, which
        takes it."""
        steps = self.steps()
        takes, sees, gives = np.zeros((3, steps.interval), bool)
        takes[steps.pixels()], gives[steps.given()] = True, True
        for seen, taken in zip(steps.seen(), steps.pixels()):
            sees[seen:taken] = True
        return Timing(works_of(gives, takes, sees), 1, Stop.READER, front=fifo(*self.waiting_room()))

    def rtl(self) -> Rtl:
        y, x = self.axes()
        source = self.in_stream()
        rates = [rate for rate, _ in self.dilations()]
        parameters = {
            "ImageH": y.size, "ImageW": x.size, "Beats": self.beats,
            "Lanes": source.lanes // self.get_nodeattr("pixels"), "Bits": source.bits,
            "KernelH": y.kernel, "KernelW": x.kernel, "StrideH": y.stride, "StrideW": x.stride,
            "PadTop": y.before, "PadLeft": x.before, "PadBottom": y.behind, "PadRight": x.behind,
            "DilationH": y.dilation, "DilationW": x.dilation, "PadValue": self.get_nodeattr("pad_value"),
        }  # fmt: skip
        if self.whole:
            del parameters["Beats"]
            depth, in_block = self.waiting_room()
            pixels = self.get_nodeattr("pixels")
            parameters |= {"Pixels": pixels, "Depth": depth, "DepthKind": 1 + in_block}
            return "xf_window_whole", parameters
        return self.module, parameters | {
            "Rates": len(rates), "RateList": packed(rates, 8),
            "AddrW": 1 if self.passes_through() else self.address_bits(), "Abreast": self.abreast,
        }  # fmt: skip

    def parts(self) -> Parts:
        if self.whole:
            return self._parts_whole()
        width, address, (y, x) = self.in_stream().width, self.address_bits(), self.axes()
        if self.passes_through():
            return Parts().skid(width)
        rows = self.rows()
        # Rows are not counted where each needs and frees as many image rows, the first of a frame too.
        alike = not y.padded and rows.need[0] + y.size - rows.need[-1] == y.stride
        counted = [x] if alike else [y, x]
        spans = [(axis.before + axis.size + axis.behind).bit_length() for axis in counted]
        rates, more = len(self.dilations()) - 1, self.abreast - 1
        found = Parts(rates=rates, abreast=more).registers(self.out_stream().width + 2)
        found.counters(self.beats, x.kernel + 1, y.kernel + 1, rates + 1, 1 << address)
        found.counters_of(*spans, address, (x.size * self.beats).bit_length(), *2 * [self._rows_bits()])
        if x.kernel == y.kernel == 1:  # a pixel of several is kept: what walks over a kernel is not there
            found.gates(single=1, counter_bits=-found.logic["counter bits"])
        found.chains(address, *([spans[-1]] if x.padded else []), count=more)
        return found.add(Parts().memory(1 << address, width), count=self.abreast)

    def _rows_bits(self) -> int:
        """Of a number of rows with its sign: those ahead of the reader, and the room of the writer."""
        (y, x), rows = self.axes(), self.rows()
        first, unneeded = rows.need[0], y.size - rows.need[-1]
        kept = (1 << self.address_bits()) // (x.size * self.beats)
        return max(kept + max(unneeded, y.stride), unneeded + first).bit_length() + 1

    def _parts_whole(self) -> Parts:
        """Buffer, lines, counters, and the columns that wait under the kernel for one that leaves."""
        (y, x), width, steps = self.axes(), self.in_stream().width, self.steps()
        depth, in_block = self.waiting_room()
        pixels, rows, columns = self.get_nodeattr("pixels"), steps.rows, steps.columns
        each = min(pixels, x.stride) if self.several else 1
        beats, beyond = x.size // pixels, -(-max(0, columns.steps - x.size) // each)
        counted = [rows.steps, beats + beyond, pixels // each]
        for line, size in ((rows, 1), (columns, each)):
            before, between = line.first // size, line.stride // size
            counted.append(max(before, between if max(before, between - 1) else 0) + 1)
        free, period = not (y.padded or x.padded), beats * y.dilation if y.kernel > 1 else 1
        found = Parts(whole=1, padded_rows=y.kernel * (not free))
        found.fifo(depth, width, "block" if in_block else "lut")
        found.counters(*counted, period).registers(1 + (period - 1).bit_length())
        row = (y.kernel - 1) * width
        found = found.memory(period, row) if period > 1 else found.registers(row)
        lined = y.kernel > 1 and not (period > 1 and memory_of(period, row).block)
        kept = column_registers(x, y.kernel, each, free, free and each == pixels and lined)
        found.choices(y.kernel * width * each // pixels, pixels // each)
        return found.add(kept, count=width // pixels)


Op = Window
