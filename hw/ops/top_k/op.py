"""The scores, followed by the indices of the largest ones."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops.arg_max.op import ArgMax, Tree
from xnorforge.hw.ops.base import Attributes, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Buffer, Stop, Timing, Work, beat_for_beat


class TopK(Tree):
    """Pass scores through and append the indices of the k largest, largest first, lowest index first on ties.

    Shapes: scores (n,) to (n + k,), with pixel=1 (1, 1, n) to (1, 1, n + k). An output element holds a score
    as well as an index.

    Rate: n + k cycles per frame, a score or an index in each; with pe=n and k=1 a frame per cycle. Latency: 1
    cycle, with pe=n one per `levels` levels of a tree of comparisons.

    Cost: k comparisons, as every score is compared with all kept ones at once; with pe=n n - 1 of them."""

    module = "xf_top_k"
    extents: ClassVar[dict[str, str]] = {"pe": "n"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(n=int, k=1, pe=1, in_bits=int, in_signed=0, pixel=0, levels=1)

    @classmethod
    def foldings(cls, attributes: Attributes) -> dict[str, list[int]]:
        """One score at a time, or all of them."""
        n = attributes["n"]
        return {"pe": [1, n] if n > 1 and attributes.get("k", 1) == 1 else [1]}

    def in_stream(self) -> Stream:
        n, k, pe = (self.get_nodeattr(name) for name in ("n", "k", "pe"))
        if not 1 <= k <= n:
            raise UserError(f"{self.name}: k={k} is out of range for n={n} scores; use 1 .. {n}.")
        if pe not in (possible := self.foldings({"n": n, "k": k})["pe"]):
            raise UserError(f"{self.name}: pe={pe} with n={n}, k={k}; use {' or '.join(map(str, possible))}.")
        shape = (1, 1, n) if self.get_nodeattr("pixel") else (n,)
        return Stream(shape, pe, self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))

    def out_stream(self) -> Stream:
        source = self.in_stream()
        n = self.get_nodeattr("n")
        index_bits = max(1, (n - 1).bit_length()) + source.signed
        shape = (n + self.get_nodeattr("k"),)
        return Stream(shape, shape[0] if self.tree else 1, max(source.bits, index_bits), source.signed)

    @property
    def tree(self) -> bool:
        """Whether a beat is a whole frame."""
        return self.get_nodeattr("pe") > 1

    @property
    def has_load_port(self) -> bool:
        return self.tree  # that of ArgMax, which has constants

    def execute_node(self, context: Tensors, _graph: object) -> None:
        scores = self.taken(context).reshape(-1, self.get_nodeattr("n"))
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self.get_nodeattr("k")]
        context[self.onnx_node.output[0]] = np.concatenate([scores, best], axis=1)

    @property
    def indices(self) -> int:
        """k of them."""
        return self.get_nodeattr("k")

    def answers(self, lowered: Mapping[str, np.ndarray]) -> np.ndarray:
        """The scores, and behind them the indices of the largest, the first of equal ones first."""
        integers = whole_numbers(lowered["integers"])
        integers = integers.reshape(len(integers), -1)
        order = np.argsort(-integers, axis=1, kind="stable")
        return np.concatenate([integers, order[:, : self.indices]], axis=1)

    def timing(self) -> Timing:
        """Scores pass a skid, the indices follow, then the next frame; whole frames pass a tree."""
        if self.tree:
            return beat_for_beat(1 + len(self.register_levels()))
        count = self.get_nodeattr("n")
        scores = [Work(needs=k, frees=k) for k in range(1, count)]
        works = [*scores, Work(needs=count), Work(steps=self.indices, frees=count)]
        return Timing(works, 1, Stop.READER, Buffer(count, 1, seen=0))

    def rtl(self) -> Rtl:
        source, sink = self.in_stream(), self.out_stream()
        given, n = {"InBits": source.bits, "Signed": source.signed}, self.get_nodeattr("n")
        if self.tree:
            given |= {"Folds": 1, "Pe": n, "KeyBits": source.bits}
            return ArgMax.module, given | {"Step": self.get_nodeattr("levels"), "ScoreBits": sink.bits}
        return self.module, given | {"Count": n, "Best": self.get_nodeattr("k"), "OutBits": sink.bits}

    def parts(self) -> Parts:
        n, k, bits = (self.get_nodeattr(name) for name in ("n", "k", "in_bits"))
        if self.tree:
            stages, index = self.register_levels(), address_bits(n)
            levels, winners = 1 + len(stages), sum(-(-n // 2**level) for level in stages)
            found = Parts(scores=n * bits, rivals=(n - 1) * index)
            found.spare(n * bits + index).comparators(bits, n - 1)
            return found.delay(n * bits, levels).registers(levels + winners * (bits + index) + index)
        entry, width = bits + address_bits(n) + 1, self.out_stream().width
        found = Parts(moved_bits=(k - 1) * entry, entries=k - 1, out_bits=width).counters(n + k)
        return found.comparators(bits, k).registers(k * entry + width + bits + 3)


Op = TopK
