"""A constant matrix as a graph of adders (distributed arithmetic): one vector per cycle, no weight memory."""

from functools import cached_property
from math import prod
from typing import Any, ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.ops._compare import comparison_lut
from xnorforge.hw.ops._mvu import check_matrix
from xnorforge.hw.ops.base import HwOp, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import value_range
from xnorforge.hw.timing import Timing, beat_for_beat
from xnorforge.hw.words import unread

from . import adders, text

MOST_WEIGHTS = 10_000  # other than 0
TABLE_BITS = 6  # of the inputs of a row that is one LUT
SLACKS = (4, 0)  # sums in a row beyond the fewest, of the graphs that are tried for a shorter latency


class DaMvu(HwOp):
    """Multiply vectors by a constant matrix with adders; return x @ weights + bias or the bits of it >= T.

    Shapes: `vectors` vectors of `mw` integers to as many vectors of `mh` results; a beat has a whole vector
    on both sides. `weights` (mw, mh), `bias` (mh,) and `thresholds` (mh,), where present, are any integers.
    Inputs have `in_bits` bits, unsigned or two's complement; a bit counts as 0 or 1, so the -1 of a binary
    network is part of weights and bias. Without thresholds results have `out_bits` bits, that hold every sum.

    It replaces a SignMvu or IntMvu where that is cheaper or a folding asks for it. `adders` (n, 5)
    is the graph of sums; `with_adders` finds it with alkaid, and the generator checks it by the weights.

    Rate: one vector per cycle. Latency: the depth of the graph, which has a register after every `levels`
    additions and comparisons.

    Cost: one adder per sum of the graph. Sums that several rows need are computed once. A bit that depends on
    six bits of the vector or fewer is a table, one LUT. Weights of 0 cost nothing."""

    module = "xf_da_mvu"
    arrays: tuple[str, ...] = ("weights", "bias", "adders", "thresholds")
    extents: ClassVar[dict[str, str]] = {}
    structure = "adders"

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            mw=int, mh=int, vectors=1, in_shape=[], out_shape=[], in_bits=1, in_signed=(0, 1),
            out_bits=1, out_signed=(0, 1), levels=adders.LEVELS, w_bits=1,
        )  # fmt: skip

    @classmethod
    def with_adders(
        cls, name: str, arrays: Record, quick: bool = False, slack: int = -1, **attributes: Any
    ) -> "DaMvu":
        """The operator of weights, bias and maybe thresholds, with adders found for them, `quick` maybe not
        the fewest, with `slack` few in a row, as of `adders.solve`.

        Raises:
            UserError: more weights than adders are built for, or results that do not fit.
        """
        op = cls.make(name, arrays | {"adders": np.zeros((0, 5), np.int64)}, **attributes)
        live = op.live()
        low, high = op._reach()
        found = adders.solve(live[:, live.any(axis=0)], low, high, quick, slack)
        return cls.make(name, {**arrays, "adders": found}, **attributes)

    @classmethod
    def instead_of(cls, op: HwOp, quick: bool = False) -> "DaMvu | None":
        """The same layer as adders.

        Raises:
            UserError: more weights than adders are built for.
        """
        matrix = op.matrix()
        if matrix is None or op.first_load:  # adders are made for their weights
            return None
        (mw, mh), source, sink = matrix.weights.shape, op.in_stream(), op.out_stream()
        attributes = {
            "mw": mw, "mh": mh, "vectors": prod(op.in_stream().shape) // mw, "w_bits": matrix.weight_bits,
            "in_shape": list(source.shape), "in_bits": source.bits, "in_signed": int(source.signed),
            "out_shape": list(sink.shape), "out_bits": sink.bits, "out_signed": int(sink.signed),
        }  # fmt: skip
        arrays = op.arrays_of | {"weights": matrix.weights, "bias": matrix.bias}
        return cls.with_adders(op.name, arrays, quick, **attributes)

    def sooner(self, levels: int) -> list[HwOp]:
        """Its adders with fewer registers between them, then other adders with fewer in a row."""
        given = {name: self.get_nodeattr(name) for name in self.declared}
        fewer = (self.with_adders(self.name, self.arrays_of, slack=n, **given) for n in SLACKS)
        steps, every = range(given["levels"], levels + 1), (self.arrays_of, *(op.arrays_of for op in fewer))
        return self.falling(self.make(self.name, x, **given | {"levels": n}) for x in every for n in steps)

    @property
    def raw(self) -> bool:
        """Whether results leave as numbers; else as bits."""
        return "thresholds" not in self.arrays_of

    @property
    def in_bits(self) -> int:
        """Bits of an input element."""
        return self.get_nodeattr("in_bits")

    @property
    def weight_bits(self) -> int:
        """Bits of two's complement that hold the largest magnitude of a weight."""
        return int(abs(np.asarray(self.arrays_of["weights"])).max()).bit_length() + 1

    def in_stream(self) -> Stream:
        """A vector per beat."""
        shape, mw = tuple(self.get_nodeattr("in_shape")), self.get_nodeattr("mw")
        return Stream(shape, mw, self.in_bits, bool(self.get_nodeattr("in_signed")))

    def out_stream(self) -> Stream:
        """All results of a vector per beat."""
        shape, mh = tuple(self.get_nodeattr("out_shape")), self.get_nodeattr("mh")
        return Stream(shape, mh, self.get_nodeattr("out_bits"), bool(self.get_nodeattr("out_signed")))

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """x (vectors, mw) times weights (mw, mh), bias added."""
        return x @ weights + np.asarray(self.arrays_of["bias"]).astype(x.dtype)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        # Exact in floating point: all integers lie below 2**53.
        x, weights = (
            np.asarray(each).astype(float)
            for each in (context[self.onnx_node.input[0]], self.arrays_of["weights"])
        )
        found = self.result(x.reshape(-1, len(weights)), weights)
        if not self.raw:
            found = found >= np.asarray(self.arrays_of["thresholds"])
        context[self.onnx_node.output[0]] = found.astype(float).reshape(-1, *self.get_nodeattr("out_shape"))

    def checked_weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights (mw, mh), and the least and the greatest result of each row (mh,), int64.

        Raises:
            UserError: too many weights, an array or a shape does not fit, or results that `out_bits` cannot
                hold.
        """
        mw, mh = (self.get_nodeattr(key) for key in ("mw", "mh"))
        count = np.count_nonzero(self.arrays_of["weights"])
        if count > MOST_WEIGHTS:
            raise UserError(
                f"{self.name}: {mw} x {mh} with {count:,} weights other than 0 are too many for adders, "
                f"which take at most {MOST_WEIGHTS:,}; use a folded unit for this layer."
            )
        check_matrix(self)
        weights, bias = self.integers("weights"), self.integers("bias")
        source, sink = self.in_stream(), self.out_stream()
        ends = [end * weights for end in value_range(source.bits, source.signed)]
        low, high = (end(*ends).sum(axis=0) + bias for end in (np.minimum, np.maximum))
        span = value_range(sink.bits, sink.signed)
        if self.raw and (low.min() < span[0] or high.max() > span[1]):
            raise UserError(
                f"{self.name}: results range over {low.min()} .. {high.max()}, but out_bits={sink.bits} "
                f"holds {span[0]} .. {span[1]}; raise out_bits."
            )
        return weights, low, high

    def live(self) -> np.ndarray:
        """Columns of weights whose sums decide, (mw, rows); zeros if an answer is fixed or a table."""
        weights, low, high = self.checked_weights()
        if self.raw:
            return weights
        thresholds, inputs = self.integers("thresholds"), np.count_nonzero(weights, axis=0)
        summed = inputs * self.in_bits > TABLE_BITS
        return weights * ((low < thresholds) & (thresholds <= high) & summed)

    @cached_property
    def tables(self) -> dict[int, tuple[list[int], int]]:
        """{row: (the inputs it reads, its answers)} of rows that are tables: bit i of the answers is that to
        the inputs whose bits, those of the first lowest, are the number i."""
        weights, low, high = self.checked_weights()
        if self.raw:
            return {}
        thresholds, bias, bits = self.integers("thresholds"), self.integers("bias"), self.in_bits
        live, found = self.live(), {}
        for row in np.flatnonzero((low < thresholds) & (thresholds <= high) & ~live.any(axis=0)).tolist():
            read = np.flatnonzero(weights[:, row])
            x = np.arange(1 << bits * len(read))[:, None] >> bits * np.arange(len(read)) & (1 << bits) - 1
            x -= (x >> bits - 1 << bits) * self.in_stream().signed
            reached = x @ weights[read, row] + bias[row] >= thresholds[row]
            found[row] = read.tolist(), sum(1 << at for at in np.flatnonzero(reached).tolist())
        return found

    @cached_property
    def plan(self) -> tuple[adders.Adders, list[adders.End], list[int]]:
        """The graph, and per row its end and what it has to reach or what is added to it, as
        text.adder_module wants them."""
        (weights, low, _), bias = self.checked_weights(), self.integers("bias")
        levels = self.get_nodeattr("levels")
        graph = adders.Adders(self.integers("adders"), len(weights), *self._reach(), levels)
        ends = [graph.find(column) for column in self.live().T]
        if self.raw:
            return graph, ends, bias.tolist()
        thresholds = self.integers("thresholds")
        fixed = np.array([end is None for end in ends])
        return graph, ends, np.where(fixed, low >= thresholds, thresholds - bias).tolist()

    def _reach(self) -> tuple[int, int]:
        return value_range(self.in_bits, self.in_stream().signed)

    def parts(self) -> Parts:
        """Sums with the registers between them, results, and the spare register."""
        graph, ends, given = self.plan
        width, out_bits = self.out_stream().width, self.out_stream().bits
        stages = graph.stages(ends, text.last(ends, given, not self.raw))
        ignored = [
            unread(text.cut_of(graph, *row)) if row[0] and not self.raw else 0 for row in zip(ends, given)
        ]
        found, added = Parts().spare(width).registers(stages), set()
        found.registers(len(self.tables)).gates(comparisons=len(self.tables))
        for end, value in zip(ends, given):
            if end is None:
                continue
            number, power, sign = end
            if not self.raw:  # a LUT compares six bits with a constant, each further one five
                found.registers(1).gates(comparisons=comparison_lut(graph.width(number)))
            elif value or sign < 0:
                zeros = max(power, (value & -value).bit_length() - 1) if sign > 0 else power
                found.registers(out_bits).chains(out_bits - zeros).gates(offset_bits=out_bits)
                if power == 0 and graph.width(number) == out_bits:
                    added.add(number)
            else:  # equal high bits share a register
                found.registers(min(graph.width(number), out_bits - power))
        read = text.tables_read(self.tables)
        return found.add(graph.parts([*ends, *read], stages, [*ignored, *(0 for _ in read)], added))

    def timing(self) -> Timing:
        """The registers of the longest path."""
        graph, ends, given = self.plan
        return beat_for_beat(graph.stages(ends, text.last(ends, given, not self.raw)))

    @property
    def written(self) -> tuple[str, str]:
        graph, ends, given = self.plan
        return text.adder_module(graph, ends, given, self.out_stream().bits, not self.raw, self.tables)


Op = DaMvu
