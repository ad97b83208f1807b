"""Base class of pools: windows that do not overlap, or windows from a Window, and the line buffer's cost."""

from math import prod
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import as_width
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Timing, some_given


class Pool(HwOp):
    """One result per channel of every kh x kw window: elements (H, W, C) to (H // kh, W // kw, C).

    Rows and columns after the last whole window are dropped. With windows=1 the input is windows of any kind
    from a `Window`, (OH, OW, kh * kw * C) in the order ky, kx, c; then `ifm` is OH, OW, C, the result is (OH,
    OW, C), and `stride` is ignored. A subclass defines `element` and `result`, the bits and sign of inputs
    and results, and `reduced`, the operation."""

    module = "xf_pool"
    extents: ClassVar[dict[str, str]] = {"pe": "ifm"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(ifm=[], kernel=[], stride=[], windows=(0, 1), pe=1)

    @property
    def element(self) -> tuple[int, bool]:
        """Bits of an element, and whether it is signed."""
        return self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed"))

    @property
    def in_windows(self) -> bool:
        """Whether the input is windows, not pixels."""
        return bool(self.get_nodeattr("windows"))

    def pixels(self) -> tuple[int, int, int, int, int]:
        """Rows, columns and channels of what comes, and rows and columns of a window in it, windows counted
        as rows of an image: the pixels of one lie in a row."""
        (height, width, channels), (kh, kw) = self.get_nodeattr("ifm"), self.get_nodeattr("kernel")
        if self.in_windows:
            return height * width, kh * kw, channels, 1, kh * kw
        return height, width, channels, kh, kw

    @property
    def result(self) -> tuple[int, bool]:
        """Bits of a result, and whether it is signed."""
        return self.element

    def reduced(self, taps: list[np.ndarray]) -> np.ndarray:
        """The results of pixels, integers (N, OH, OW, C), one array for every position in the window."""
        raise NotImplementedError

    def in_stream(self) -> Stream:
        ifm, kernel = tuple(self.get_nodeattr("ifm")), list(self.get_nodeattr("kernel"))
        stride = list(self.get_nodeattr("stride"))
        check_divides(self.name, "pe", self.get_nodeattr("pe"), "channels", ifm[2])
        if self.in_windows:
            if min(kernel) < 1:
                raise UserError(f"{self.name}: kernel={kernel} is not valid; use numbers of 1 or more.")
            shape = (*ifm[:2], prod(kernel) * ifm[2])
            return Stream(shape, self.get_nodeattr("pe"), *self.element)
        if kernel != stride:
            raise UserError(
                f"{self.name}: stride={stride} differs from kernel={kernel}, but windows of pixels must not "
                f"overlap or leave gaps; use {kernel}, or windows=1 after a Window."
            )
        if min(kernel) < 1 or kernel[0] > ifm[0] or kernel[1] > ifm[1]:
            raise UserError(
                f"{self.name}: kernel={kernel} does not fit into {ifm[0]} x {ifm[1]} pixels; use a smaller "
                "kernel."
            )
        return Stream(ifm, self.get_nodeattr("pe"), *self.element)

    def out_stream(self) -> Stream:
        self.in_stream()  # checks
        (height, width, channels), (kh, kw) = self.get_nodeattr("ifm"), self.get_nodeattr("kernel")
        shape = (height, width, channels) if self.in_windows else (height // kh, width // kw, channels)
        return Stream(shape, self.get_nodeattr("pe"), *self.result)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        context[self.onnx_node.output[0]] = self.pooled(as_width(self.taken(context), self.out_stream().bits))

    def pooled(self, x: np.ndarray) -> np.ndarray:
        """The results (N, *shape) of integers (N, *shape) whose type holds them too."""
        rows, columns, channels, kh, kw = self.pixels()
        image = x.reshape(-1, rows, columns, channels)
        ends = rows // kh * kh, columns // kw * kw
        taps = [image[:, y : ends[0] : kh, c : ends[1] : kw] for y in range(kh) for c in range(kw)]
        return self.reduced(taps).reshape(-1, *self.out_stream().shape)

    def timing(self) -> Timing:
        """The last beats of every whole window leave."""
        rows, columns, channels, kh, kw = self.pixels()
        last = (np.arange(rows)[:, None] % kh == kh - 1) & (np.arange(columns) % kw == kw - 1)
        return some_given(np.repeat(last.ravel(), channels // self.in_stream().lanes), 1)

    def rtl(self) -> Rtl:
        source, sink, (height, width, channels, kh, kw) = self.in_stream(), self.out_stream(), self.pixels()
        lanes = source.lanes
        return self.module, {
            "ImageH": height, "ImageW": width, "Beats": channels // lanes, "Pe": lanes,
            "InBits": source.bits, "Signed": source.signed, "OutBits": sink.bits, "KernelH": kh,
            "KernelW": kw,
        }  # fmt: skip

    def join(self, parts: Parts, where: str, /) -> None:
        """Add what joins a beat to its partial results in a "register", LUT RAM "line" or "block" RAM."""
        raise NotImplementedError

    def parts(self) -> Parts:
        source, sink, (height, width, channels, kh, kw) = self.in_stream(), self.out_stream(), self.pixels()
        beats, rows, windows = channels // source.lanes, height // kh, width // kw
        depth = beats * windows if kh > 1 else beats
        low, right = bool(height % kh), bool(width % kw)  # rows and columns that are dropped
        found = Parts(rows_dropped=low, columns_dropped=right).spare(sink.width)
        found.registers(sink.width + 1 + right).counters(beats, max(2, kw), kh, rows + 1 if low else 1)
        if depth > beats:
            address = (depth - 1).bit_length()
            found.registers(address).walk(address, beats)
            found.gates(line_bits=address, wrapped_bits=address if beats & (beats - 1) else 0)
        elif kh > 1 or right:
            found.counters(max(2, windows))
        where = "register"
        if depth > 1:
            kind, address = "near" if beats < 3 else "auto", (depth - 1).bit_length()
            kind = "lut" if depth * sink.width <= 1024 else kind
            where = "block" if memory_of(depth, sink.width, kind).block else "line"
            # Read without a register: Yosys repeats that of the address, or what was written last.
            again = address if where == "line" else sink.width + 1
            found.memory(depth, sink.width, kind, address + 1 + again)
        self.join(found, where)
        return found
