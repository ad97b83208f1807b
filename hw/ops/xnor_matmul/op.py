"""Binary matrix product of two streams: weights that arrive with every frame."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Buffer, Stop, Timing, Work


class XnorMatmul(HwOp):
    """Count the bits that vectors and rows of weights have in common; both are streams.

        matches[tile, vector, row] = number of k with x[vector, k] == weights[pe * tile + row, k]

    Shapes: `vectors` vectors of `mw` bits, and `mh` rows of as many in words: (mh / pe, mw / simd, pe, simd),
    to UINT 0 .. mw, (mh / pe, vectors, pe). A frame's vectors are held; each word of weights is read once per
    frame, and counted against all of them.

    Rate: vectors * (mw / simd) * (mh / pe) cycles. Latency: until the beats of the first result are
    there, plus the pipeline of the count.

    Cost: as `XnorMvu`; two frames of vectors, and an accumulator per row and vector in place of the weights.
    """

    module = "xf_xnor_matmul"
    arrays: tuple[str, ...] = ("weights",)
    extents: ClassVar[dict[str, str]] = {"simd": "mw", "pe": "mh"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        sizes: dict[str, tuple[object, ...]] = dict.fromkeys(("mw", "mh", "vectors"), ("i", True, 0))
        return sizes | {"simd": ("i", False, 1), "pe": ("i", False, 1), "outside": ("i", False, 0)}

    @property
    def inputs(self) -> int:
        """Vectors, and weights unless they come from outside the network."""
        return 1 if self.get_nodeattr("outside") else 2

    @property
    def outside(self) -> Stream | None:
        """The words of weights."""
        mw, mh, simd, pe, _ = self.folding()
        return Stream((mh * mw,), pe * simd) if self.get_nodeattr("outside") else None

    def outside_words(self) -> np.ndarray:
        """Of `weights` (mw, mh) of 0 and 1, tile after tile, int64 (mh * mw,)."""
        mw, mh, simd, pe, _ = self.folding()
        weights = np.asarray(self.arrays_of["weights"]).astype(np.int64).T
        return weights.reshape(mh // pe, pe, mw // simd, simd).transpose(0, 2, 1, 3).ravel()

    def side_ports(self) -> dict[str, tuple[int, int | None]]:
        """The stream of weights from outside."""
        if (stream := self.outside) is None:
            return {}
        return {"weights_data_i": (stream.width, 0), "weights_valid_i": (1, 0), "weights_ready_o": (1, None)}

    def folding(self) -> tuple[int, int, int, int, int]:
        """mw, mh, simd, pe, vectors.

        Raises:
            UserError: simd does not divide mw, or pe mh.
        """
        mw, mh, simd, pe, vectors = map(self.get_nodeattr, ("mw", "mh", "simd", "pe", "vectors"))
        check_divides(self.name, "simd", simd, "mw", mw)
        check_divides(self.name, "pe", pe, "mh", mh)
        return mw, mh, simd, pe, vectors

    def in_streams(self) -> list[Stream]:
        mw, mh, simd, pe, vectors = self.folding()
        return [Stream((vectors, mw), simd), Stream((mh * mw,), pe * simd)][: self.inputs]

    def out_stream(self) -> Stream:
        mw, mh, _, pe, vectors = self.folding()
        return Stream((mh // pe, vectors, pe), pe, mw.bit_length())

    def execute_node(self, context: Tensors, _graph: object) -> None:
        mw, mh, simd, pe, vectors = self.folding()
        x, *words = (self.taken(context, k) for k in range(self.inputs))
        if not words:
            self.load_constants(context.__getitem__)
        words = words[0] if words else self.outside_words()
        rows = words.reshape(-1, mh // pe, mw // simd, pe, simd).transpose(0, 1, 3, 2, 4)
        same = x.reshape(-1, 1, vectors, 1, mw) == rows.reshape(-1, mh // pe, 1, pe, mw)
        context[self.onnx_node.output[0]] = same.sum(-1, dtype=np.int64)

    @property
    def dot(self) -> _dots.Dot:
        """Of a beat and one row."""
        return _dots.signed_sum(self.get_nodeattr("simd"), 1)

    def generated(self) -> dict[str, str]:
        return self.dot.files

    def beside(self, suffix: str = "") -> tuple[dict[str, str], list[str]]:
        """A dot product per row."""
        return self.dot.beside(self.get_nodeattr("pe"), ("x_i",), (), suffix)

    def timing(self) -> Timing:
        """A word of weights is taken with the first vector of each round over all of them; those from outside
        are always there. A frame of vectors is read once per tile.
        """
        mw, mh, simd, pe, vectors = self.folding()
        words, tiles, frame = mw // simd, mh // pe, vectors * (mw // simd)
        one = [Work(takes=() if self.outside else (1,)), Work(vectors - 1)][: min(vectors, 2)]
        works = tiles * [replace(work, gives=k == words) for k in range(1, words + 1) for work in one]
        works[-1] = replace(works[-1], frees=frame)

        def needed() -> np.ndarray:
            return np.pad(1 + np.arange(frame).reshape(vectors, -1).T.ravel(), (0, frame * (tiles - 1)))

        buffer = Buffer(frame, 2 * frame, needed=needed, listed=True)
        return Timing(works, self.dot.latency + 2, Stop.SPARE, buffer)

    def rtl(self) -> Rtl:
        mw, mh, simd, pe, vectors = self.folding()
        module = "xf_xnor_outside" if self.outside else self.module
        cycles = self.dot.latency
        return module, {
            "Mw": mw, "Mh": mh, "Vectors": vectors, "Simd": simd, "Pe": pe, "DotCycles": cycles
        }  # fmt: skip

    def parts(self) -> Parts:
        """Frames, counters, counts, accumulators, output."""
        mw, mh, simd, pe, vectors = self.folding()
        dot, beats = self.dot, mw // simd
        frame, bits = vectors * beats, mw.bit_length()
        found = Parts().memory(2 << address_bits(frame), simd)
        found.counters(frame, frame, vectors, vectors, beats, beats, mh // pe).registers(5 + dot.latency)
        found.registers(pe * (simd + dot.ff)).placed(pe * dot.carry).gates(dot_products=pe * dot.lut)
        found.add(cost.result(pe * bits, 1))
        if beats > 1:
            found.add(Parts().memory(1 << address_bits(vectors), bits, "lut", 0).adders(bits), count=pe)
        return found


Op = XnorMatmul
