"""The product of two streams: gates, squeeze and excite, products of bits."""

import numpy as np

from xnorforge.hw.any_width import times
from xnorforge.hw.ops._per_channel import Combining
from xnorforge.hw.ops._streams import packed, wrapped
from xnorforge.hw.ops.base import Rtl, Tensors
from xnorforge.hw.parts import Parts


class Product(Combining):
    """Multiply two streams element by element.

        y = a * b    modulo 2**out_bits;  with xnor=1:  y = 1 where a = b, else 0

    Shapes: two streams (…, C) to (…, C). `in_bits` and `in_signed` have one entry per stream. With xnor=1
    inputs and result are single bits that stand for -1 and +1.

    Rate: one beat of `pe` channels per cycle; a beat is taken from both streams at once. Latency: 1 cycle.

    Cost: a gate per bit where a factor is one bit, else a DSP block per lane for products of 9 bits or more.
    """

    module = "xf_product"
    ready_through = True

    @property
    def inputs(self) -> int:
        """Two."""
        return 2

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        per_stream: dict[str, tuple] = {"in_bits": ("ints", True, []), "in_signed": ("ints", True, [])}
        return super().get_nodeattr_types() | per_stream | self.widths | {"xnor": ("i", False, 0, {0, 1})}

    def execute_node(self, context: Tensors, _graph: object) -> None:
        sink, (a, b) = self.out_stream(), [self.taken(context, k) for k in (0, 1)]
        found = (a == b).astype(np.int64) if self.get_nodeattr("xnor") else times(a, b)
        context[self.onnx_node.output[0]] = wrapped(found, sink.bits, sink.signed)

    def latency(self) -> int:
        """The register."""
        return 1

    def rtl(self) -> Rtl:
        return self.module, {
            "Pe": self.get_nodeattr("pe"), "InBits": packed(self.get_nodeattr("in_bits"), 8),
            "Signed": packed(self.get_nodeattr("in_signed"), 1), "OutBits": self.get_nodeattr("out_bits"),
            "Xnor": self.get_nodeattr("xnor"),
        }  # fmt: skip

    def parts(self) -> Parts:
        """A product of 9 bits or more takes DSP blocks, which have its register; several are added up."""
        sink, kinds = self.out_stream(), [*zip(self.get_nodeattr("in_bits"), self.get_nodeattr("in_signed"))]
        (one, _), (other, _) = kinds
        lane = Parts()
        if (1, 0) in kinds:
            return lane.gates(masks=sink.lanes).registers(sink.width + 1)
        if sink.bits < 9:
            lane.gates(rows=(min(one, other) - 1) * max(one, other)).registers(sink.bits).chains(sink.bits)
            return Parts().registers(1).add(lane, count=sink.lanes)
        small, large = sorted(bits + (not signed) for bits, signed in kinds)
        lane.dsp = (1 + max(0, -(-(small - 18) // 17))) * (1 + max(0, -(-(large - 25) // 17)))
        if small > 18:
            lane.registers(sink.bits).adders(sink.bits - 17)
        else:
            lane.registers(17 * (lane.dsp - 1))
        return Parts().registers(1).add(lane, count=sink.lanes)


Op = Product
