"""What pools share: windows that do not overlap, the line buffer of partial results, and its cost."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import as_width
from xnorforge.hw.ops._streams import check_divides, memory_cost
from xnorforge.hw.ops.base import HwOp, Stream


class Pool(HwOp):
    """Elements (H, W, C) to one result per channel of every kh x kw window, (H // kh, W // kw, C).

    Rows and columns beyond the last whole window are dropped. A subclass states `element` and `result`, the
    bits and the sign of what comes and leaves, and `reduced`, the meaning.
    """

    module = "xf_pool"
    extents: ClassVar[dict[str, str]] = {"pe": "ifm"}

    def get_nodeattr_types(self):
        return {
            "ifm": ("ints", True, []),
            "kernel": ("ints", True, []),
            "stride": ("ints", True, []),
            "pe": ("i", False, 1),
        }

    @property
    def element(self) -> tuple[int, bool]:
        """Bits of an element, and whether it is signed."""
        return self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed"))

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
        if kernel != stride:
            raise UserError(
                f"{self.name}: stride={stride} is not kernel={kernel}, and windows may not overlap; use "
                f"{kernel}."
            )
        if min(kernel) < 1 or kernel[0] > ifm[0] or kernel[1] > ifm[1]:
            raise UserError(
                f"{self.name}: kernel={kernel} does not fit into {ifm[0]} x {ifm[1]} pixels; use a smaller "
                "one."
            )
        check_divides(self.name, "pe", self.get_nodeattr("pe"), "channels", ifm[2])
        return Stream(ifm, self.get_nodeattr("pe"), *self.element)

    def out_stream(self) -> Stream:
        (height, width, channels), (kh, kw) = self.in_stream().shape, self.get_nodeattr("kernel")
        return Stream((height // kh, width // kw, channels), self.get_nodeattr("pe"), *self.result)

    def execute_node(self, context, _graph):
        self.load_constants(context.__getitem__)
        (height, width, _), (kh, kw) = self.out_stream().shape, self.get_nodeattr("kernel")
        x = as_width(self.taken(context), self.out_stream().bits)
        taps = [x[:, y : height * kh : kh, c : width * kw : kw] for y in range(kh) for c in range(kw)]
        context[self.onnx_node.output[0]] = self.reduced(taps)

    def cycles(self) -> int:
        """One input beat per cycle."""
        return self.in_stream().beats

    def needs(self, _port: int = 0) -> np.ndarray:
        """The last pixel of the beat's window, up to the beat's channels."""
        source, (height, width, _), (kh, kw) = (
            self.in_stream(),
            self.out_stream().shape,
            self.get_nodeattr("kernel"),
        )
        beats = source.shape[2] // source.lanes
        rows, columns = np.arange(1, height + 1) * kh - 1, np.arange(1, width + 1) * kw - 1
        pixels = rows[:, None, None] * source.shape[1] + columns[:, None]
        return (pixels * beats + np.arange(1, beats + 1)).ravel()

    def pooling(self) -> tuple[int, int]:
        """The kernel."""
        kh, kw = self.get_nodeattr("kernel")
        return kh, kw

    def latency(self) -> int:
        """Up to the first channels of the last pixel of the first window."""
        return int(self.needs()[0])

    def rtl(self):
        source, sink, (kh, kw) = self.in_stream(), self.out_stream(), self.get_nodeattr("kernel")
        (height, width, channels), lanes = source.shape, source.lanes
        return self.module, {
            "ImageH": height, "ImageW": width, "Beats": channels // lanes, "Pe": lanes,
            "InBits": source.bits, "Signed": source.signed, "OutBits": sink.bits, "KernelH": kh,
            "KernelW": kw,
        }  # fmt: skip

    def join_cost(self, line: dict | None) -> float:
        """LUTs that join a beat to its partial results, which lie in `line` or, where it is None, in a
        register.
        """
        raise NotImplementedError

    def estimate(self):
        source, sink, (kh, kw) = self.in_stream(), self.out_stream(), self.get_nodeattr("kernel")
        (height, width, channels), (rows, windows, _) = source.shape, sink.shape
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
        lut = 10 + 1.3 * sum((size - 1).bit_length() for size in counted) + rest + self.join_cost(line)
        return {"lut": lut + (line["lut"] if line else 0), "bram36": line["bram36"] if line else 0.0}
