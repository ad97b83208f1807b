"""Pooling of bits: the maximum is an OR, the minimum an AND."""

import numpy as np

from xnorforge.errors import UserError
from xnorforge.hw.ops._streams import check_divides, memory
from xnorforge.hw.ops.base import HwOp, Stream


class OrPool(HwOp):
    """Bits (H, W, C) to (H // kh, W // kw, C): the maximum (`all`=1: the minimum) over windows that do not overlap.

    Rows and columns beyond the last whole window are dropped.
    """

    module = "xf_or_pool"

    def get_nodeattr_types(self):
        return {
            "ifm": ("ints", True, []),
            "kernel": ("ints", True, []),
            "stride": ("ints", True, []),
            "pe": ("i", False, 1),
            "all": ("i", False, 0),
        }

    def in_stream(self) -> Stream:
        ifm, kernel = tuple(self.get_nodeattr("ifm")), list(self.get_nodeattr("kernel"))
        stride = list(self.get_nodeattr("stride"))
        if kernel != stride:
            raise UserError(
                f"{self.name}: stride={stride} is not kernel={kernel}, and windows may not overlap; use {kernel}."
            )
        if min(kernel) < 1 or kernel[0] > ifm[0] or kernel[1] > ifm[1]:
            raise UserError(
                f"{self.name}: kernel={kernel} does not fit into {ifm[0]} x {ifm[1]} pixels; use a smaller one."
            )
        check_divides(self.name, "pe", self.get_nodeattr("pe"), "channels", ifm[2])
        return Stream(ifm, self.get_nodeattr("pe"))

    def out_stream(self) -> Stream:
        (height, width, channels), (kh, kw) = self.in_stream().shape, self.get_nodeattr("kernel")
        return Stream((height // kh, width // kw, channels), self.get_nodeattr("pe"))

    def execute_node(self, context, graph):
        (height, width, channels), (kh, kw) = self.out_stream().shape, self.get_nodeattr("kernel")
        bits = np.asarray(context[self.onnx_node.input[0]]).reshape(-1, *self.in_stream().shape)
        windows = bits[:, : height * kh, : width * kw].reshape(-1, height, kh, width, kw, channels)
        pooled = windows.min(axis=(2, 4)) if self.get_nodeattr("all") else windows.max(axis=(2, 4))
        context[self.onnx_node.output[0]] = pooled.astype(np.float32)

    def cycles(self) -> int:
        """One input beat per cycle."""
        return self.in_stream().beats

    def latency(self) -> int:
        """Up to the first channels of the last pixel of the first window."""
        source, (kh, kw) = self.in_stream(), self.get_nodeattr("kernel")
        return ((kh - 1) * source.shape[1] + kw - 1) * (source.shape[2] // source.lanes) + 1

    def rtl(self):
        (height, width, channels), (kh, kw) = self.in_stream().shape, self.get_nodeattr("kernel")
        pe = self.get_nodeattr("pe")
        return self.module, {
            "ImageH": height, "ImageW": width, "Beats": channels // pe, "Width": pe,
            "KernelH": kh, "KernelW": kw, "All": self.get_nodeattr("all"),
        }  # fmt: skip

    def estimate(self):
        source, sink, (kh, kw) = self.in_stream(), self.out_stream(), self.get_nodeattr("kernel")
        (height, width, channels), lanes = source.shape, source.lanes
        beats, depth = channels // lanes, sink.shape[1] * channels // lanes if kh > 1 else channels // lanes
        line = memory(depth, lanes)
        counters = sum(size.bit_length() for size in (depth - 1, beats - 1, width, kw - 1, kh - 1))
        back = (depth - 1).bit_length() if beats > 1 else 0
        rest = (height.bit_length() + 3 if height % kh else 0) + (3 if width % kw else 0)
        return {"lut": line["lut"] + lanes + counters + back + rest + 11, "bram36": line["bram36"]}

    @classmethod
    def examples(cls):
        """(ifm, kernel, pe, all)"""
        points = [
            ((4, 4, 4), (2, 2), 4, 0), ((4, 4, 4), (2, 2), 1, 0), ((6, 4, 6), (2, 2), 3, 0), ((4, 6, 4), (2, 2), 2, 1),
            ((5, 5, 2), (2, 2), 2, 0), ((5, 5, 2), (2, 2), 1, 0), ((5, 4, 2), (2, 2), 1, 1), ((4, 5, 6), (2, 2), 2, 0),
            ((6, 6, 3), (3, 3), 3, 0), ((7, 8, 3), (3, 3), 1, 0), ((8, 7, 2), (3, 3), 2, 1), ((9, 9, 2), (3, 3), 1, 1),
            ((3, 3, 5), (3, 3), 5, 0), ((2, 2, 4), (2, 2), 2, 0), ((4, 6, 2), (1, 2), 1, 0), ((4, 6, 2), (1, 3), 2, 0),
            ((6, 4, 3), (2, 1), 1, 0), ((7, 4, 3), (3, 1), 3, 1), ((6, 9, 2), (2, 4), 1, 0), ((9, 6, 4), (4, 2), 2, 0),
            ((4, 3, 2), (1, 1), 1, 0), ((2, 9, 40), (2, 2), 40, 0), ((1, 8, 6), (1, 4), 2, 1),
            ((8, 1, 2), (4, 1), 1, 0),
        ]  # fmt: skip
        return [
            cls.make(f"or_pool_{i}", ifm=ifm, kernel=kernel, stride=kernel, pe=pe, all=every)
            for i, (ifm, kernel, pe, every) in enumerate(points)
        ]


Op = OrPool
