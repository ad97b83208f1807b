"""The scores, followed by the indices of the largest ones."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.parts import Parts


class TopK(HwOp):
    """Pass scores through and append the indices of the k largest, largest first, lowest index first on ties.

    Shapes: scores (n,) to (n + k,), with pixel=1 (1, 1, n) to (1, 1, n + k). An output element holds a score
    as well as an index.

    Rate: n + k cycles per frame. Latency: 1 cycle.

    Cost: k comparisons, as every score is compared with all kept ones at once.
    """

    module = "xf_top_k"
    extents: ClassVar[dict[str, str]] = {}

    def get_nodeattr_types(self):
        return {
            "n": ("i", True, 0),
            "k": ("i", False, 1),
            "in_bits": ("i", True, 0),
            "in_signed": ("i", False, 0),
            "pixel": ("i", False, 0),
        }

    def in_stream(self) -> Stream:
        n, k = self.get_nodeattr("n"), self.get_nodeattr("k")
        if not 1 <= k <= n:
            raise UserError(f"{self.name}: k={k} is out of range for n={n} scores; use 1 .. {n}.")
        shape = (1, 1, n) if self.get_nodeattr("pixel") else (n,)
        return Stream(shape, 1, self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))

    def out_stream(self) -> Stream:
        source = self.in_stream()
        n = self.get_nodeattr("n")
        index_bits = max(1, (n - 1).bit_length()) + source.signed
        return Stream((n + self.get_nodeattr("k"),), 1, max(source.bits, index_bits), source.signed)

    def execute_node(self, context, _graph):
        scores = self.taken(context).reshape(-1, self.get_nodeattr("n"))
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.get_nodeattr("k")]
        context[self.onnx_node.output[0]] = np.concatenate([scores, best], axis=1)

    @property
    def indices(self) -> int:
        """k of them."""
        return self.get_nodeattr("k")

    def answers(self, lowered):
        """The scores, and behind them the indices of the largest, the first of equal ones first."""
        integers = whole_numbers(lowered["integers"])
        integers = integers.reshape(len(integers), -1)
        order = np.argsort(-integers, axis=1, kind="stable")
        return np.concatenate([integers, order[:, : self.indices]], axis=1)

    def cycles(self) -> int:
        """One output beat per cycle."""
        return self.out_stream().beats

    def latency(self) -> int:
        """The first score goes straight through."""
        return 1

    def rtl(self):
        source, sink = self.in_stream(), self.out_stream()
        return self.module, {
            "Count": self.get_nodeattr("n"), "Best": self.get_nodeattr("k"),
            "InBits": source.bits, "Signed": source.signed, "OutBits": sink.bits,
        }  # fmt: skip

    def parts(self):
        n, k, bits = (self.get_nodeattr(name) for name in ("n", "k", "in_bits"))
        entry, width = bits + address_bits(n) + 1, self.out_stream().width
        found = Parts(moved_bits=(k - 1) * entry, entries=k - 1, out_bits=width).counters(n + k)
        return found.comparators(bits, k).registers(k * entry + width + bits + 3)


Op = TopK
