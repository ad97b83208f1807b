"""Matrix product of two streams: weights, of bits or integers, that arrive with every frame."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Buffer, Stop, Timing, Work


class XnorMatmul(HwOp):
    """Multiply vectors by rows of weights; both are streams. Of bits, count those that are equal.

        y[round, tile, vector, row] = number of k with x[round, vector, k] == weights[pe * tile + row, k]
        y[round, tile, vector, row] = Σ_k x[round, vector, k] * weights[pe * tile + row, k]    w_bits > 1

    Shapes: a frame has `rounds` times `vectors` vectors of `mw` elements, of `in_bits` bits (1 with w_bits=1,
    else 1 .. 16), and for each round `mh` rows of as many weights, two's complement of `w_bits` bits (1 ..
    16), in words: (mh / pe, mw / simd, pe, simd). Results are UINT 0 .. mw of bits, else INT of `out_bits`
    bits, which must hold every sum: (rounds * mh / pe, vectors, pe), or `out_shape` of as many. The vectors
    of a round are held; each word is read once per round, and multiplied by all of them.

    Rate: rounds * vectors * (mw / simd) * (mh / pe) cycles. Latency: until the beats of the first result are
    there, plus the pipeline of the dot product.

    Cost: as `SignMvu` and `IntMvu`, whose `dsp` it has for rows of their own; two rounds of vectors, and an
    accumulator per row and vector in place of the weights."""

    module = "xf_xnor_matmul"
    arrays: tuple[str, ...] = ("weights",)
    extents: ClassVar[dict[str, str]] = {"simd": "mw", "pe": "mh"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            mw=int, mh=int, vectors=int, rounds=1, simd=1, pe=1, in_bits=1, w_bits=1, outside=0, in_signed=0,
            out_bits=0, dsp=0,
        ) | {"out_shape": ("ints", False, [])}  # fmt: skip

    @property
    def inputs(self) -> int:
        """Vectors, and weights unless they come from outside the network."""
        return 1 if self.get_nodeattr("outside") else 2

    @property
    def numbers(self) -> bool:
        """Whether it multiplies integers."""
        return self.get_nodeattr("w_bits") > 1

    @property
    def weights(self) -> Stream:
        """The words of weights."""
        mw, mh, simd, pe, _ = self.folding()
        rounds, bits = self.get_nodeattr("rounds"), self.get_nodeattr("w_bits")
        return Stream((rounds * mh * mw,), pe * simd, bits, self.numbers)

    @property
    def outside(self) -> Stream | None:
        """Those, if they come from outside."""
        return self.weights if self.get_nodeattr("outside") else None

    def outside_words(self) -> np.ndarray:
        """Of `weights` (mw, mh), round after round, tile after tile, int64 (rounds * mh * mw,)."""
        mw, mh, simd, pe, _ = self.folding()
        weights = self.integers("weights").T
        words = weights.reshape(mh // pe, pe, mw // simd, simd).transpose(0, 2, 1, 3).ravel()
        return np.tile(words, self.get_nodeattr("rounds"))

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
        mw, _, simd, _, vectors = self.folding()
        rounds, bits, signed = map(self.get_nodeattr, ("rounds", "in_bits", "in_signed"))
        return [Stream((rounds * vectors, mw), simd, bits, bool(signed)), self.weights][: self.inputs]

    def out_stream(self) -> Stream:
        mw, mh, _, pe, vectors = self.folding()
        bits = self.get_nodeattr("out_bits") if self.numbers else mw.bit_length()
        shape = tuple(self.get_nodeattr("out_shape")) or (self.get_nodeattr("rounds") * mh // pe, vectors, pe)
        return Stream(shape, pe, bits, self.numbers)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        mw, mh, simd, pe, vectors = self.folding()
        x, *words = (self.taken(context, k) for k in range(self.inputs))
        if not words:
            self.load_constants(context.__getitem__)
        rows = (words[0] if words else self.outside_words()).reshape(
            -1, self.get_nodeattr("rounds"), mh // pe, mw // simd, pe, simd
        )
        rows = rows.transpose(0, 1, 2, 4, 3, 5).reshape(*rows.shape[:2], mh, mw).astype(np.float64)
        zeros = 0 if self.numbers else (rows == 0).sum(-1, keepdims=True)
        rows = rows if self.numbers else 2 * rows - 1  # as SignMvu.result
        found = rows @ x.reshape(len(x), -1, vectors, mw).swapaxes(2, 3).astype(np.float64) + zeros
        found = found.reshape(len(x), -1, pe, vectors).swapaxes(2, 3).astype(np.int64)
        context[self.onnx_node.output[0]] = found.reshape(len(x), *self.out_stream().shape)

    def _product(self) -> tuple[_dots.Dot, int]:
        """The dot product of a beat and one row, and what it adds to the sum of each beat."""
        names = ("simd", "in_bits", "in_signed", "w_bits", "dsp")
        simd, bits, signed, w_bits, dsp = map(self.get_nodeattr, names)
        if not self.numbers:
            return _dots.signed_sum(simd, 1), 0
        if not dsp:
            return _dots.planes(simd, bits, w_bits), _dots.plane_offset(simd, bits, w_bits)
        chain = _dots.chain_lengths(simd, bits, signed, w_bits)[-1]
        field = _dots.chain_field(chain, bits, signed, w_bits)
        dot = _dots.multipliers(simd, bits, signed, w_bits, 1, chain, field)
        return dot, -(-simd // chain) * 2 ** (field - 1)

    @property
    def dot(self) -> _dots.Dot:
        """The dot product of a beat and one row."""
        return self._product()[0]

    def generated(self) -> dict[str, str]:
        return self.dot.files

    def beside(self, suffix: str = "") -> tuple[dict[str, str], list[str]]:
        """A dot product per row."""
        return self.dot.beside(self.get_nodeattr("pe"), ("x_i",), (), suffix)

    def timing(self) -> Timing:
        """A word of weights is taken with the first vector of each round over all of them; those from outside
        are always there. A frame of vectors is read once per tile."""
        return self._timing(not self.outside)

    def reading(self) -> Timing:
        return self._timing(True)

    def _timing(self, taken: bool) -> Timing:
        mw, mh, simd, pe, vectors = self.folding()
        words, tiles, frame = mw // simd, mh // pe, vectors * (mw // simd)
        one = [Work(takes=(1,)), Work(vectors - 1)][: min(vectors, 2)]
        of_tile = [replace(work, gives=k == words) for k in range(1, words + 1) for work in one]
        if not taken:
            of_tile = [Work(vectors * (words - 1), gives=False), Work(vectors)][words == 1 :]
        works = tiles * of_tile
        works[-1] = replace(works[-1], frees=frame)

        def needed() -> np.ndarray:
            return np.pad(1 + np.arange(frame).reshape(vectors, -1).T.ravel(), (0, frame * (tiles - 1)))

        buffer = Buffer(frame, 2 * frame, needed=needed, listed=True)
        return Timing(works, self.dot.latency + 2, Stop.SPARE, buffer)

    def rtl(self) -> Rtl:
        mw, mh, simd, pe, vectors = self.folding()
        (dot, offset), acc = self._product(), self.out_stream().bits
        return self.module, {
            "Mw": mw, "Mh": mh, "Vectors": vectors, "Simd": simd, "Pe": pe,
            "Bits": self.get_nodeattr("in_bits"), "WBits": self.get_nodeattr("w_bits"), "AccW": acc,
            "SumW": dot.bits, "Start": (acc, -offset * (mw // simd) % 2**acc), "DotCycles": dot.latency,
        }  # fmt: skip

    def parts(self) -> Parts:
        """Frames, counters, counts, accumulators, output."""
        mw, mh, simd, pe, vectors = self.folding()
        dot, beats, width = self.dot, mw // simd, simd * self.get_nodeattr("in_bits")
        frame, bits, words = vectors * beats, self.out_stream().bits, simd * self.get_nodeattr("w_bits")
        found = Parts().memory(2 << address_bits(frame), width)
        found.counters(frame, frame, vectors, vectors, beats, beats, mh // pe).registers(5 + dot.latency)
        found.registers(pe * (words + dot.ff)).placed(pe * dot.carry).gates(dot_products=pe * dot.lut)
        found.add(cost.result(pe * bits, 1))
        if beats > 1:
            found.add(Parts().memory(1 << address_bits(vectors), bits, "lut", 0).adders(bits), count=pe)
        found.dsp = pe * simd * self.get_nodeattr("dsp")
        return found


Op = XnorMatmul
