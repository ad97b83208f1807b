"""Base class of pools: windows that do not overlap, or windows from a Window, and the line buffer's cost."""

from math import prod
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import as_width
from xnorforge.hw.ops._sites import counter_sites, memory_sites, site_count, spare_sites, walk_chains
from xnorforge.hw.ops._streams import check_divides, memory_cost, spare_cost
from xnorforge.hw.ops.base import HwOp, Stream


class Pool(HwOp):
    """One result per channel of every kh x kw window: elements (H, W, C) to (H // kh, W // kw, C).

    Rows and columns after the last whole window are dropped. With windows=1 the input is windows of any kind
    from a `Window`, (OH, OW, kh * kw * C) in the order ky, kx, c; then `ifm` is OH, OW, C, the result is (OH,
    OW, C), and `stride` is ignored. A subclass defines `element` and `result`, the bits and sign of inputs
    and results, and `reduced`, the operation.
    """

    module = "xf_pool"
    extents: ClassVar[dict[str, str]] = {"pe": "ifm"}

    def get_nodeattr_types(self):
        return {
            "ifm": ("ints", True, []),
            "kernel": ("ints", True, []),
            "stride": ("ints", True, []),
            "windows": ("i", False, 0, {0, 1}),
            "pe": ("i", False, 1),
        }

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
        as rows of an image: the pixels of one lie in a row.
        """
        (height, width, channels), (kh, kw) = self.get_nodeattr("ifm"), self.get_nodeattr("kernel")
        return (
            (height * width, kh * kw, channels, 1, kh * kw)
            if self.in_windows
            else (height, width, channels, kh, kw)
        )

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

    def execute_node(self, context, _graph):
        self.load_constants(context.__getitem__)
        rows, columns, channels, kh, kw = self.pixels()
        x = as_width(self.taken(context), self.out_stream().bits).reshape(-1, rows, columns, channels)
        ends = rows // kh * kh, columns // kw * kw
        taps = [x[:, y : ends[0] : kh, c : ends[1] : kw] for y in range(kh) for c in range(kw)]
        context[self.onnx_node.output[0]] = self.reduced(taps).reshape(-1, *self.out_stream().shape)

    def cycles(self) -> int:
        """One input beat per cycle."""
        return self.in_stream().beats

    def needs(self, _port: int = 0) -> np.ndarray:
        """The last pixel of the beat's window, up to the beat's channels."""
        rows, columns, channels, kh, kw = self.pixels()
        beats = channels // self.in_stream().lanes
        last = np.arange(1, rows // kh + 1) * kh - 1, np.arange(1, columns // kw + 1) * kw - 1
        pixels = last[0][:, None, None] * columns + last[1][:, None]
        return (pixels * beats + np.arange(1, beats + 1)).ravel()

    def latency(self) -> int:
        """Up to the first channels of the last pixel of the first window."""
        return int(self.needs()[0])

    def rtl(self):
        source, sink, (height, width, channels, kh, kw) = self.in_stream(), self.out_stream(), self.pixels()
        lanes = source.lanes
        return self.module, {
            "ImageH": height, "ImageW": width, "Beats": channels // lanes, "Pe": lanes,
            "InBits": source.bits, "Signed": source.signed, "OutBits": sink.bits, "KernelH": kh,
            "KernelW": kw,
        }  # fmt: skip

    def join_cost(self, line: dict | None, /) -> float:
        """LUTs that join a beat to its partial results, which lie in `line` or, where it is None, in a
        register.
        """
        raise NotImplementedError

    def estimate(self):
        source, sink, (height, width, channels, kh, kw) = self.in_stream(), self.out_stream(), self.pixels()
        rows, windows = height // kh, width // kw
        beats = channels // source.lanes
        depth = beats * windows if kh > 1 else beats
        line = memory_cost(depth, sink.width) if depth > 1 else None
        counted = [beats, kh, kw]
        if depth == beats:
            counted.append(windows)
        # an address that walks over the line, and back by other than a power of two where beats are none
        else:
            counted += [depth] * (2 if beats & (beats - 1) else 1)
        rest = (rows.bit_length() + 2 if height % kh else 0) + (5 if width % kw else 0)
        lut = (
            10
            + spare_cost(sink.width)
            + 1.3 * sum((size - 1).bit_length() for size in counted)
            + rest
            + self.join_cost(line)
        )
        return {"lut": lut + (line["lut"] if line else 0), "bram36": line["bram36"] if line else 0.0}

    def join_chains(self) -> int:
        """CARRY4 that join an element to its partial result."""
        raise NotImplementedError

    def sites(self):
        source, sink, (height, width, channels, kh, kw) = self.in_stream(), self.out_stream(), self.pixels()
        beats, rows, windows = channels // source.lanes, height // kh, width // kw
        depth = beats * windows if kh > 1 else beats
        counted = [beats, max(2, kw), kh, rows + 1 if height % kh else 1]
        ff, carry = sink.width + 1 + (width % kw > 0), source.lanes * self.join_chains()
        address = (depth - 1).bit_length()
        if depth > beats:
            ff, carry = ff + address, carry + walk_chains(address, beats)
        elif kh > 1 or width % kw:
            counted.append(max(2, windows))
        parts = [spare_sites(sink.width), counter_sites(*counted)]
        if depth > 1:
            line = memory_sites(depth, sink.width, "lut" if depth * sink.width <= 1024 else "auto")
            # Read without a register: Yosys repeats that of the address, or what was written last.
            parts.append(line | {"ff": address + 1 + (address if line["lut_ram"] else sink.width + 1)})
        return site_count(*parts, ff=ff, carry=carry)
