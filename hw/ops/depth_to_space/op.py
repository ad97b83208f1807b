"""Channels to blocks of pixels: the pixel shuffle after a convolution."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.ops.crop.op import Crop
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Buffer, Stop, Timing, Work, some_given


def pixels_of_blocks(x: np.ndarray, block: Ints, size: Ints) -> np.ndarray:
    """x (N, H, W, rows * columns * C) to (N, *size, C), where `block` is (rows, columns).

    Output pixel (y, x) channel c is channel ((y % rows) * columns + x % columns) * C + c of input pixel
    (y // rows, x // columns). `size` leaves out pixels at the bottom and on the right."""
    count, height, width, _ = x.shape
    rows, columns = block
    blocks = x.reshape(count, height, width, rows, columns, -1).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(count, height * rows, width * columns, -1)[:, : size[0], : size[1]]


class DepthToSpace(HwOp):
    """Rearrange channels into blocks of pixels, as ONNX DepthToSpace in mode DCR.

    Shapes: (H, W, rows * columns * C) to `out_shape` (H', W', C), with `block` = [rows, columns]. H' is at
    most H * rows and W' at most W * columns; less than a block may be dropped at the bottom and right.

    Rate: one input beat per cycle. Latency: 2 cycles where the first output row needs one beat, more where it
    is dropped in part.

    Cost: two input rows in memory; no memory where a block has one row."""

    module = "xf_depth_to_space"
    extents: ClassVar[dict[str, str]] = {"pe": "out_shape"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(ifm=[], block=[], out_shape=[], pe=1, bits=1, signed=(0, 1))

    def in_stream(self) -> Stream:
        ifm, (*_, channels) = tuple(self.get_nodeattr("ifm")), self.get_nodeattr("out_shape")
        rows, columns = self.block()
        if ifm[2] != rows * columns * channels:
            raise UserError(
                f"{self.name}: {ifm[2]} channels do not make blocks of {rows}x{columns} pixels with "
                f"{channels} channels each; use {rows * columns * channels}."
            )
        pe, bits = self.get_nodeattr("pe"), self.get_nodeattr("bits")
        check_divides(self.name, "pe", pe, "channels", channels)
        return Stream(ifm, pe, bits, bool(self.get_nodeattr("signed")))

    def out_stream(self) -> Stream:
        source, shape = self.in_stream(), tuple(self.get_nodeattr("out_shape"))
        for given, side, many in zip(shape, source.shape, self.block()):
            if not (side - 1) * many < given <= side * many:
                raise UserError(
                    f"{self.name}: out_shape={list(shape)} drops a whole block or has more pixels than the "
                    f"blocks; use {(side - 1) * many + 1} .. {side * many} instead of {given}."
                )
        return Stream(shape, source.lanes, source.bits, source.signed)

    def block(self) -> list[int]:
        """Rows and columns of the pixels that one pixel becomes.

        Raises:
            UserError: they are not two numbers of 1 or more.
        """
        block = list(self.get_nodeattr("block"))
        if len(block) != 2 or min(block) < 1:
            raise UserError(f"{self.name}: block={block} is not valid; use two numbers of 1 or more.")
        return block

    def execute_node(self, context: Tensors, _graph: object) -> None:
        size = self.out_stream().shape[:2]
        context[self.onnx_node.output[0]] = pixels_of_blocks(self.taken(context), self.block(), size)

    def chunk(self) -> int:
        """Beats of an input pixel that belong to the same output row."""
        channels = self.in_stream().shape[2] // self.block()[0]
        return channels // self.get_nodeattr("pe")

    def timing(self) -> Timing:
        """Blocks of one row pass a register; else two input rows are kept, left when complete."""
        (height, width, _), (tall, wide, channels) = self.in_stream().shape, self.out_stream().shape
        rows, chunk = self.block()[0], self.chunk()
        kept, depth = wide * channels // self.in_stream().lanes, width * rows * chunk
        if rows == 1:
            return some_given(np.arange(depth) < kept, 1)
        passes = [min(rows, tall - row * rows) for row in range(height)]

        def needed() -> np.ndarray:
            p, beat = np.indices((rows, kept))
            places = (beat // chunk * rows + p) * chunk + beat % chunk + 1
            some = [np.append(places[:many].ravel()[:-1], depth) for many in passes]
            return np.concatenate([row * depth + one for row, one in enumerate(some)])

        works = [Work(many * kept, frees=(row + 1) * depth) for row, many in enumerate(passes)]
        return Timing(works, 1, Stop.READER, Buffer(height * depth, 2 * depth, needed=needed))

    def rtl(self) -> Rtl:
        source, (tall, wide, channels) = self.in_stream(), self.out_stream().shape
        (height, width, _), rows, kept = source.shape, self.block()[0], wide * channels // source.lanes
        if rows == 1:
            return Crop.module, {
                "Rows": 1, "Beats": width * self.chunk(), "FirstRow": 0, "FirstBeat": 0, "KeptRows": 1,
                "KeptBeats": kept, "Width": source.width,
            }  # fmt: skip
        return self.module, {
            "Rows": height, "Pixels": width, "Block": rows, "Chunk": self.chunk(), "Width": source.width,
            "Kept": kept, "LastRows": tall - (height - 1) * rows,
        }  # fmt: skip

    def parts(self) -> Parts:
        source, (tall, wide, channels) = self.in_stream(), self.out_stream().shape
        (height, width, _), (rows, columns) = source.shape, self.block()
        depth, cut = 2 * source.beats // height, tall < height * rows
        if rows == 1:
            found = Parts().counters(depth // 2 if wide < width * columns else 1)
            return found.spare(source.width).registers(source.width + 1)
        address, chunk = (depth - 1).bit_length(), self.chunk()
        # An output row begins with a whole chunk: the lowest bits of its address are one.
        even = (chunk & -chunk).bit_length() - 1
        found = Parts(memory=1, address_bits=address - even).memory(depth, source.width)
        found.registers(2 * address - even + (even > 0) + 4).chains(address, address - even)
        kept = wide * channels // source.lanes
        found.counters(depth, kept, max(2, chunk), rows, height if cut else 1)
        return found.comparators(address).gates(rows_dropped=cut)


Op = DepthToSpace
