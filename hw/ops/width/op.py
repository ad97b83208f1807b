"""Conversion between wide and narrow beats."""

from functools import cache
from math import prod
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._sites import counter_sites, site_count, skid_sites
from xnorforge.hw.ops.base import HwOp, Stream

WIDE = 200  # bits of a beat from which Yosys maps its choice otherwise


class Width(HwOp):
    """Change the number of elements per beat; the elements stay the same.

    `in_lanes` elements arrive per beat and `out_lanes` leave; one must divide the other. With gap=1 one cycle
    passes unused after each wide beat, which saves the registers of one beat; fold sets it where the cycle is
    not needed (flows/fold/gaps.py).

    Rate: one beat per cycle on the narrow side; with gap=1 one cycle more per wide beat. Latency: out_lanes /
    in_lanes cycles to wider beats, 2 to narrower ones, 1 where both are equal.
    """

    module = "xf_width"
    identity = True
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self):
        return {
            "shape": ("ints", True, []),
            "in_lanes": ("i", True, 0),
            "out_lanes": ("i", True, 0),
            "bits": ("i", False, 1),
            "signed": ("i", False, 0),
            "gap": ("i", False, 0, {0, 1}),
        }

    def _stream(self, name: str) -> Stream:
        shape, lanes = (
            tuple(self.get_nodeattr("shape")),
            [self.get_nodeattr(key) for key in ("in_lanes", "out_lanes")],
        )
        if min(lanes) < 1 or max(lanes) % min(lanes):
            raise UserError(
                f"{self.name}: neither in_lanes={lanes[0]} nor out_lanes={lanes[1]} divides the other; "
                f"use two width converters in series."
            )
        if self.get_nodeattr("gap") and lanes[0] == lanes[1]:
            raise UserError(f"{self.name}: gap=1 needs different in_lanes and out_lanes; use gap=0.")
        if prod(shape) % max(lanes):
            raise UserError(
                f"{self.name}: {max(lanes)} lanes do not divide the {prod(shape)} elements of a frame; use a "
                "divisor."
            )
        return Stream(
            shape, self.get_nodeattr(name), self.get_nodeattr("bits"), bool(self.get_nodeattr("signed"))
        )

    def in_stream(self) -> Stream:
        return self._stream("in_lanes")

    def out_stream(self) -> Stream:
        return self._stream("out_lanes")

    def execute_node(self, context, _graph):
        context[self.onnx_node.output[0]] = context[self.onnx_node.input[0]]

    def cycles(self) -> int:
        """The narrower side's beats, with `gap` the wider side's as well."""
        beats = sorted((self.in_stream().beats, self.out_stream().beats))
        return beats[1] + self.get_nodeattr("gap") * beats[0]

    def needs(self, _port: int = 0) -> np.ndarray:
        """What a beat is made of."""
        source, sink = self.in_stream(), self.out_stream()
        return -(-np.arange(1, sink.beats + 1) * source.beats // sink.beats)

    def latency(self) -> int:
        """Up, a wide beat follows its last part; down, a part passes two registers; a skid otherwise."""
        into, out = self.in_stream().lanes, self.out_stream().lanes
        return out // into if out > into else 2 if out < into else 1

    def rtl(self):
        widths = {"InWidth": self.in_stream().width, "OutWidth": self.out_stream().width}
        return self.module, widths | {"Gap": self.get_nodeattr("gap")}

    def estimate(self):
        into, out = self.in_stream(), self.out_stream()
        if into.lanes == out.lanes:
            return {"lut": into.width + 4.0, "bram36": 0.0}
        ratio = max(into.lanes, out.lanes) // min(into.lanes, out.lanes)
        counter = (ratio - 1).bit_length()
        if out.lanes > into.lanes:
            return {"lut": counter + 4.0, "bram36": 0.0}
        return {"lut": out.width * _luts_of_choice(ratio, out.width >= WIDE) + counter + 5, "bram36": 0.0}

    def sites(self):
        into, out = self.in_stream().width, self.out_stream().width
        if into == out:
            return skid_sites(into)
        ratio, gap = max(into, out) // min(into, out), self.get_nodeattr("gap")
        kept = min(into, out) * (1 - gap)  # a part waits in a register of its own
        if out > into:
            return site_count(counter_sites(ratio), ff=out + kept + 1)
        return site_count(counter_sites(ratio), ff=into + out + kept + 2)

    @classmethod
    def examples(cls):
        """(shape, in_lanes, out_lanes, bits, signed)"""
        points = [
            ((12,), 1, 2, 1, 0), ((12,), 1, 3, 1, 0), ((12,), 1, 12, 1, 0), ((12,), 2, 4, 1, 0),
            ((12,), 3, 6, 8, 1),
            ((12,), 2, 1, 1, 0), ((12,), 3, 1, 1, 0), ((12,), 12, 1, 1, 0), ((12,), 4, 2, 1, 0),
            ((12,), 6, 3, 8, 1),
            ((12,), 4, 4, 3, 0), ((3, 3, 8), 8, 72, 1, 0), ((3, 3, 8), 72, 8, 1, 0), ((3, 3, 8), 2, 24, 1, 0),
            ((3, 3, 8), 24, 4, 1, 0), ((2, 2, 3), 1, 3, 8, 0), ((2, 2, 3), 3, 1, 8, 0),
            ((5, 64), 8, 64, 1, 0),
            ((5, 64), 64, 8, 1, 0), ((7, 5), 1, 5, 7, 1), ((7, 5), 5, 1, 7, 1), ((7, 5), 5, 35, 2, 0),
            ((4, 40), 40, 40, 1, 0),
        ]  # fmt: skip
        names = ("shape", "in_lanes", "out_lanes", "bits", "signed", "gap")
        gapped = [(*point, 1) for point in points if point[1] != point[2]]
        return cls.from_points("width", names, [*((*point, 0) for point in points), *gapped])


@cache
def _luts_of_choice(ratio: int, wide: bool) -> float:
    """LUTs that choose a bit among so many, as Yosys maps multiplexers of up to 64 inputs; in `wide` beats
    it shares parts of them, and takes more.
    """
    counted = {4: 1, 5: 2, 6: 3, 7: 4, 8: 3, 9: 4, 10: 5, 12: 4, 16: 5, 18: 10, 24: 14, 32: 16.5, 36: 15.8}
    counted |= {48: 18.5, 64: 31, 1024: 31 * 16}
    if wide:
        counted |= {9: 3.4, 12: 6, 16: 9.5, 18: 9.7, 32: 18}
    return float(np.interp(ratio, list(counted), list(counted.values())))


Op = Width
