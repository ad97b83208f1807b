"""Concatenation of channels."""

from math import gcd
from typing import ClassVar

import numpy as np

from xnorforge.hw.ops.base import Attributes, HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides, packed, wrapped
from xnorforge.hw.timing import Stop, Timing, Work


class Concat(HwOp):
    """Concatenate the channels of several streams.

    Shapes: (…, C_0), (…, C_1), … to (…, C_0 + C_1 + …). Elements keep their values and are extended to
    `out_bits`, `out_signed`. `channels`, `in_bits` and `in_signed` have one entry per stream; `pe` divides
    every C_k.

    For every pixel the beats of stream 0 leave first, then those of stream 1, and so on. A stream whose turn
    has not come is held back; a FIFO before it lets it run ahead.

    Rate: one output beat per cycle. Latency: 1 cycle.

    Cost: one multiplexer and two registers per bit of a beat."""

    module = "xf_concat"
    extents: ClassVar[dict[str, str]] = {"pe": "channels"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            out_shape=[], channels=[], in_bits=[], in_signed=[], out_bits=int, out_signed=int,
            pe=1,
        )  # fmt: skip

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        """Pe divides the channels of every stream."""
        return {"pe": gcd(*attributes["channels"])}

    @property
    def inputs(self) -> int:
        """Streams in."""
        return len(self.get_nodeattr("channels"))

    def in_streams(self) -> list[Stream]:
        pixels, pe = self.get_nodeattr("out_shape")[:-1], self.get_nodeattr("pe")
        kinds = zip(*(self.get_nodeattr(name) for name in ("channels", "in_bits", "in_signed")))
        found = []
        for channels, bits, signed in kinds:
            check_divides(self.name, "pe", pe, "channels", channels)
            found.append(Stream((*pixels, channels), pe, bits, bool(signed)))
        return found

    def out_stream(self) -> Stream:
        shape = tuple(self.get_nodeattr("out_shape"))
        bits, signed = self.get_nodeattr("out_bits"), bool(self.get_nodeattr("out_signed"))
        return Stream(shape, self.get_nodeattr("pe"), bits, signed)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        sink, parts = self.out_stream(), [self.taken(context, k) for k in range(self.inputs)]
        context[self.onnx_node.output[0]] = wrapped(np.concatenate(parts, -1), sink.bits, sink.signed)

    def timing(self) -> Timing:
        """A pixel's beats of one stream after the other."""
        beats = [channels // self.get_nodeattr("pe") for channels in self.get_nodeattr("channels")]
        return Timing([Work(steps=many, takes=(k,)) for k, many in enumerate(beats)], 1, Stop.SPARE)

    def rtl(self) -> Rtl:
        pe = self.get_nodeattr("pe")
        return self.module, {
            "Inputs": self.inputs, "Pe": pe, "OutBits": self.get_nodeattr("out_bits"),
            "InBits": packed(self.get_nodeattr("in_bits"), 8),
            "Signed": packed(self.get_nodeattr("in_signed"), 1),
            "Beats": packed([channels // pe for channels in self.get_nodeattr("channels")], 16),
        }  # fmt: skip

    def parts(self) -> Parts:
        """A beat counter of 16 bits. Bits that are all streams' sign have one register, zeros none."""
        sink, signed, many = self.out_stream(), any(self.get_nodeattr("in_signed")), self.inputs
        kept = max(stream.bits - stream.signed for stream in self.in_streams()) + signed
        found = Parts(inputs=many, picked_bits=sink.width * -(-many // 2) if many > 1 else 0)
        found.spare(sink.width).registers(sink.lanes * min(kept, sink.bits) + 1)
        return found.counters(many, 1 << 16) if many > 1 else found


Op = Concat
