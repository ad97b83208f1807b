"""Conversion between wide and narrow beats."""

from math import prod
from typing import ClassVar

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import SKID, Buffer, Stop, Timing, Work


class Width(HwOp):
    """Change the number of elements per beat; the elements stay the same.

    `in_lanes` elements arrive per beat and `out_lanes` leave; one must divide the other. With gap=1 one cycle
    passes unused after each wide beat, which saves the registers of one beat; fold sets it where the cycle is
    not needed (flows/fold/gaps.py).

    Rate: one beat per cycle on the narrow side; with gap=1 one cycle more per wide beat. Latency: out_lanes /
    in_lanes cycles to wider beats, 2 to narrower ones, 1 where both are equal."""

    module = "xf_width"
    identity = True
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(shape=[], in_lanes=int, out_lanes=int, bits=1, signed=0, gap=(0, 1))

    def _stream(self, name: str) -> Stream:
        shape = tuple(self.get_nodeattr("shape"))
        lanes = [self.get_nodeattr(key) for key in ("in_lanes", "out_lanes")]
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
        bits, signed = self.get_nodeattr("bits"), bool(self.get_nodeattr("signed"))
        return Stream(shape, self.get_nodeattr(name), bits, signed)

    def in_stream(self) -> Stream:
        return self._stream("in_lanes")

    def out_stream(self) -> Stream:
        return self._stream("out_lanes")

    def execute_node(self, context: Tensors, _graph: object) -> None:
        context[self.onnx_node.output[0]] = context[self.onnx_node.input[0]]

    def timing(self) -> Timing:
        """Up: the first part of a beat waits beside the beat before, the others for that one to leave. Down:
        room for the next beat from the last part but one on. With `gap` all parts wait, and room is there
        after the last."""
        into, out = self.in_stream().lanes, self.out_stream().lanes
        if into == out:
            return SKID
        if self.get_nodeattr("gap"):
            if out > into:
                works = [Work(steps=out // into - 1, gives=False, takes=(0,)), Work(takes=(0,))]
                return Timing(works, 1, Stop.GIVEN)
            return Timing([Work(steps=into // out, needs=1, frees=1)], 1, Stop.READER, Buffer(1, 1))
        if out > into:
            rest = Work(steps=out // into - 2, gives=False, takes=(0,))
            works = [Work(gives=False, takes=(0,), early=True), rest, Work(takes=(0,))]
            return Timing([work for work in works if work.steps], 1, Stop.GIVEN)
        works = [Work(steps=into // out - 1, needs=1, frees=1), Work()]
        return Timing(works, 1, Stop.READER, Buffer(1, 1))

    def rtl(self) -> Rtl:
        widths = {"InWidth": self.in_stream().width, "OutWidth": self.out_stream().width}
        return self.module, widths | {"Gap": self.get_nodeattr("gap")}

    def parts(self) -> Parts:
        into, out = self.in_stream().width, self.out_stream().width
        if into == out:
            return Parts().skid(into)
        ratio = max(into, out) // min(into, out)
        kept = min(into, out) * (1 - self.get_nodeattr("gap"))  # a part waits in a register of its own
        found = Parts().counters(ratio).registers(out + kept + 1)
        return found if out > into else found.registers(into + 1).choices(out, ratio)


Op = Width
