"""Nearest-neighbour upsampling."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Buffer, Stop, Timing, Work


def repeated(x: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Every pixel of (N, H, W, C) as a block of rows x columns pixels."""
    return x.repeat(rows, axis=1).repeat(columns, axis=2)


class Upsample(HwOp):
    """Repeat every pixel and every row.

        y[i, j] = x[i // fy, j // fx]

    Shapes: (H, W, C) to (H * fy, W * fx, C), with `factor` = [fy, fx].

    A row is accepted only while the row before it is read for the last time, so a producer that runs evenly
    needs a FIFO of (fy - 1) / fy of a row before this operator.

    Rate: one output beat of `pe` channels per cycle. Latency: 2 cycles.

    Cost: one row in memory; one pixel where fy is 1."""

    module = "xf_upsample"
    extents: ClassVar[dict[str, str]] = {"pe": "ifm"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(ifm=[], factor=[], pe=1, bits=1, signed=0)

    def in_stream(self) -> Stream:
        ifm, factor = tuple(self.get_nodeattr("ifm")), list(self.get_nodeattr("factor"))
        if len(factor) != 2 or min(factor) < 1:
            raise UserError(
                f"{self.name}: factor={factor} is not valid; use two integers of 1 or more, for rows and "
                "columns."
            )
        check_divides(self.name, "pe", self.get_nodeattr("pe"), "channels", ifm[2])
        bits, signed = self.get_nodeattr("bits"), bool(self.get_nodeattr("signed"))
        return Stream(ifm, self.get_nodeattr("pe"), bits, signed)

    def out_stream(self) -> Stream:
        source, (fy, fx) = self.in_stream(), self.get_nodeattr("factor")
        height, width, channels = source.shape
        return Stream((height * fy, width * fx, channels), source.lanes, source.bits, source.signed)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        fy, fx = self.get_nodeattr("factor")
        context[self.onnx_node.output[0]] = repeated(self.taken(context), fy, fx)

    def loops(self) -> tuple[int, int, int, int]:
        """Pixels kept, beats per pixel, times they are read, times a pixel of these is.

        Where rows are not repeated, only the pixel that is repeated is kept."""
        source, (fy, fx) = self.in_stream(), self.get_nodeattr("factor")
        beats = source.shape[2] // source.lanes
        return (source.shape[1], beats, fy, fx) if fy > 1 else (1, beats, fx, 1)

    def timing(self) -> Timing:
        """A row is read while it arrives and some times more, on the last time each beat makes room for one
        of the next row; where pixels are repeated too, that one comes in while a pixel is read for the last
        time."""
        pixels, beats, passes, copies = self.loops()
        depth = pixels * beats
        if depth == 1:
            return Timing([Work(passes * copies, needs=1, frees=1)], 1, Stop.SPARE, Buffer(1, 1, free=0))
        works = [Work((passes - 1) * copies * depth)]
        for first in range(0, depth, beats):
            works.append(Work((copies - 1) * beats, frees=first))
            for place in range(first + 1, first + beats + 1):
                works.append(Work(frees=place, shuts=copies > 1 and place == first + beats < depth))

        def needed() -> np.ndarray:
            arrive = np.tile(np.arange(depth).reshape(pixels, 1, beats), (copies, 1))
            return np.pad(1 + arrive.ravel(), (0, (passes - 1) * copies * depth))

        buffer = Buffer(depth, depth, needed=needed)
        return Timing([work for work in works if work.steps], 1, Stop.READER, buffer)

    def rtl(self) -> Rtl:
        pixels, beats, passes, copies = self.loops()
        return self.module, {
            "Pixels": pixels, "Beats": beats, "Width": self.in_stream().width, "FactorH": passes,
            "FactorW": copies,
        }  # fmt: skip

    def parts(self) -> Parts:
        (pixels, beats, passes, copies), width = self.loops(), self.in_stream().width
        depth = max(2, pixels * beats)
        address = (depth - 1).bit_length()
        found = Parts(row_bits=address).counters(depth, copies, passes).registers(address + 2)
        for size in (depth, beats):  # counters over powers of two return to 0 by themselves
            found.gates(wrapped_bits=(size - 1).bit_length() if size & (size - 1) else 0)
        if copies == 1:  # it never goes back within a row
            found.chains(address)
        else:
            found.counters(beats).walk(address, beats)
        return found.spare(width).registers(2 * width) if pixels * beats == 1 else found.memory(depth, width)


Op = Upsample
