"""Base class of folded matrix-vector units: shapes, memories, cycles and cost."""

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar, Self

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops import _dots
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._decode import Decoder, decode_scales, decode_starts, decode_weights
from xnorforge.hw.ops._streamed import streamed
from xnorforge.hw.ops.base import LOADABLE, Attributes, HwOp, Memories, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts, has_ultra_ram
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Timing, folded_vectors
from xnorforge.hw.words import bits_of


def check_matrix(op: HwOp) -> None:
    """Check that streams and arrays fit a matrix of mw x mh and its vectors.

    Raises:
        UserError: a shape or an array does not fit.
    """
    mw, mh, vectors = (op.get_nodeattr(key) for key in ("mw", "mh", "vectors"))
    for key, length in (("in_shape", mw), ("out_shape", mh)):
        shape = [int(size) for size in op.get_nodeattr(key)]
        if prod(shape) != vectors * length:
            raise UserError(
                f"{op.name}: {key}={shape} has {prod(shape)} elements, but vectors={vectors} of length "
                f"{length} have {vectors * length}; change {key} or vectors."
            )
    for key, wanted in (("weights", (mw, mh)), ("bias", (mh,)), ("thresholds", (mh,))):
        given = op.arrays_of.get(key)
        if given is not None and np.shape(given) != wanted:
            raise UserError(
                f"{op.name}: {key} have shape {np.shape(given)}, but mw={mw}, mh={mh} need {wanted}."
            )


class Folded:
    """The hardware of the operator `op`: per cycle a beat of the vector, kept in a buffer, times a word of
    weights, added to an accumulator per row.

    Subclasses are other structures with the same methods, those of `HwOp`; `Mvu.built` chooses one."""

    loads: ClassVar[tuple[str, ...]] = ("WeightFile", "StartFile", "ScaleFile")

    def __init__(self, op: "Mvu"):
        self.op: Mvu = op

    @classmethod
    def of(cls, op: "Mvu") -> Self | None:
        """The structure, or None where it does not fit."""
        return cls(op)

    def timing(self) -> Timing:
        """A vector is read once per pass, without a gap, while the next one is written."""
        mw, mh, simd, pe = self.op.folding()
        return folded_vectors(mw // simd, mh // pe, self.op.dot().latency + self.op.late() + 2)

    def rtl(self) -> Rtl:
        op, (mw, mh, simd, pe) = self.op, self.op.folding()
        weights, starts = op.places()
        return op.module, {
            "Mw": mw, "Mh": mh, "Simd": simd, "Pe": pe, "Bits": op.in_bits, "Signed": int(op.in_signed),
            "AccW": op.acc_bits, "OutW": op.out_stream().bits, "Dot": "xf_pkg::Signs",
            "SumW": op.dot().bits, "DotCycles": op.dot().latency, "WeightMemory": f"xf_pkg::{weights}",
            "WeightRows": op.weight_rows() or op.deep_rows(), "StartMemory": f"xf_pkg::{starts}",
        } | op.dot_parameters()  # fmt: skip

    @property
    def dot(self) -> _dots.Dot:
        """The dot product that stands beside its module."""
        return self.op.dot(self.op.in_block()[0])

    def generated(self) -> dict[str, str]:
        return self.dot.files

    def memories(self) -> Memories:
        return self.op.words()

    def sooner(self, _levels: int) -> list[HwOp]:
        return []

    def beside(self, suffix: str, /) -> tuple[dict[str, str], list[str]]:
        """Dot products of all rows of a word."""
        unread = {"x_i", "scale_i"} - self.dot.ports.keys()
        outputs = [port.replace("_i", "_o") for port in sorted(unread)]
        count = self.op.get_nodeattr("pe") // self.dot.rows
        return self.dot.beside(count, ("x_i", "scale_i"), outputs, suffix)

    def parts(self) -> Parts:
        """Input buffer, dot products, accumulators, output register, memories."""
        op, (mw, mh, simd, pe) = self.op, self.op.folding()
        dot, late, beats, passes = op.dot(), op.late(), mw // simd, mh // pe
        width, acc = simd * op.in_bits, op.acc_bits
        found = op.weight_parts().add(
            cost.replay_buffer(width, beats, passes),
            cost.delay_line(dot.latency + late, beats),
            cost.result(pe * op.out_stream().bits, beats),
        )
        found.registers(pe * (dot.ff + (acc if beats > 1 else 0)) + late * width).placed(pe * dot.carry)
        found.gates(dot_products=pe * dot.lut)
        if op.has_starts() or beats > 1:
            found.chains(acc - op.shift, count=pe).gates(accumulator_bits=pe * acc)
        if op.has_starts() and not (op.equal_starts() and not op.first_load):
            found.add(op.start_parts())
        return found.add(op.dot_parts())


class Mvu(HwOp):
    """A matrix times vectors; `simd` elements of a vector and `pe` rows per cycle.

    Shapes: a frame has `vectors` vectors of `mw` elements, each of which becomes `mh` results, or bits with
    `thresholds` (mh,). `weights` (mw, mh) are 0 and 1, for -1 and +1, unless a subclass says otherwise.

    Rate: (mw / simd) * (mh / pe) cycles per vector. Latency: mw / simd + 2 cycles and the sum's pipeline.

    Per row the hardware computes S = start + sum of (x where the weight is 1, else the bitwise inverse of x),
    with x as an unsigned number of `in_bits` bits. A subclass relates S to the result: `result(x, weights)`
    is the contract, `offset(weights)` = S - start - result per row, and `result_bits` the width of a result
    without threshold."""

    arrays: tuple[str, ...] = ("weights", "thresholds")
    extents: ClassVar[dict[str, str]] = {"simd": "mw", "pe": "mh"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {
        "rom": ("block", "logic", "ultra"), "starts": ("block", "logic"),
    }  # fmt: skip
    module = "xf_mvu"
    structures: ClassVar[tuple[type[Folded], ...]] = (Folded,)

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(
            mw=int, mh=int, simd=1, pe=1, vectors=1, in_shape=[], out_shape=[],
            rom=("auto", *self.styles.get("rom", ())), starts=("auto", "block", "logic"), rom_rows=0,
        ) | LOADABLE  # fmt: skip

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """UltraRAM, which a bitstream cannot fill, is for weights that are loaded."""
        return folding.get("rom") != "ultra" or (bool(attributes.get("loadable")) and has_ultra_ram())

    @property
    def in_bits(self) -> int:
        """Bits of an input element."""
        return 1

    @property
    def in_signed(self) -> bool:
        """Whether input elements are two's complement."""
        return "in_signed" in self.declared and bool(self.get_nodeattr("in_signed"))

    @property
    def weight_bits(self) -> int:
        """Bits of a weight in the weight memory."""
        return 1

    @property
    def result_signed(self) -> bool:
        """Whether results are two's complement."""
        return True

    @property
    def result_bits(self) -> int:
        """Bits of a result without threshold."""
        raise NotImplementedError

    def result(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The results of x (vectors, mw) and weights (mw, mh), exact in their floating-point type."""
        raise NotImplementedError

    def result_range(self) -> tuple[int, int]:
        """Least and greatest result."""
        raise NotImplementedError

    def offset(self, weights: np.ndarray) -> np.ndarray:
        """S - start - result per row, see above."""
        raise NotImplementedError

    @property
    def raw(self) -> bool:
        """Whether results leave as numbers; else as bits, result >= threshold."""
        return len(self.onnx_node.input) < 3

    def folding(self) -> tuple[int, int, int, int]:
        """mw, mh, simd, pe, after a check of folding, shapes and arrays.

        Raises:
            UserError: simd does not divide mw, pe does not divide mh, a shape or an array does not fit.
        """
        if "folding" in self._read:
            return self._read["folding"]
        mw, mh, simd, pe = (self.get_nodeattr(key) for key in ("mw", "mh", "simd", "pe"))
        check_divides(self.name, "simd", simd, "mw", mw)
        check_divides(self.name, "pe", pe, "mh", mh)
        check_matrix(self)
        self._read["folding"] = mw, mh, simd, pe
        return mw, mh, simd, pe

    @property
    def rows(self) -> int:
        """Rows whose weights make a word."""
        return self.get_nodeattr("pe")

    def in_stream(self) -> Stream:
        """Vectors, simd elements per beat."""
        shape, simd = self.get_nodeattr("in_shape"), self.get_nodeattr("simd")
        return Stream(tuple(shape), simd, self.in_bits, self.in_signed)

    def out_stream(self) -> Stream:
        """Results, pe rows per beat."""
        shape, pe = tuple(self.get_nodeattr("out_shape")), self.get_nodeattr("pe")
        return Stream(shape, pe, self.result_bits, self.result_signed) if self.raw else Stream(shape, pe)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        """result(x, weights), or result >= thresholds where there are thresholds."""
        x, weights, *thresholds = (np.asarray(context[name]) for name in self.onnx_node.input)
        # Exact: every partial sum is an integer below 2**24, or below 2**53.
        kind = np.float32 if weights.shape[0] << (self.in_bits + self.weight_bits - 1) < 2**24 else np.float64
        result = self.result(x.astype(kind).reshape(-1, weights.shape[0]), weights.astype(kind))
        if thresholds:
            result = (result >= thresholds[0]).astype(np.float32)
        context[self.onnx_node.output[0]] = result.reshape(-1, *self.get_nodeattr("out_shape"))

    def late(self) -> int:
        """Cycles that weights in columns of a memory take longer."""
        mw, mh, simd, _ = self.folding()
        columns = self.weight_rows()
        return 0 if not columns else 2 if mw // simd * (mh // self.rows) > columns else 1

    def dot(self, late: bool = False) -> _dots.Dot:
        """The dot product of one row, or of rows that share multipliers; `late` as of _dots.py."""
        return _dots.signed_sum(self.get_nodeattr("simd"), self.in_bits, late)

    # What is built.
    @property
    def built(self) -> Folded:
        """The first of its structures that fits."""
        if "built" not in self._read:
            self._read["built"] = next(found for one in self.structures if (found := one.of(self)))
        return self._read["built"]

    @property
    def loads(self) -> tuple[str, ...]:
        """The memories of the chosen structure that a host can replace."""
        return self.built.loads

    def timing(self) -> Timing:
        return self.built.timing()

    def rtl(self) -> Rtl:
        return self.built.rtl()

    def generated(self) -> dict[str, str]:
        return self.built.generated()

    def beside(self, suffix: str = "") -> tuple[dict[str, str], list[str]]:
        return self.built.beside(suffix)

    def memories(self) -> Memories:
        return self.built.memories()

    def parts(self) -> Parts:
        return self.built.parts()

    def sooner(self, levels: int) -> list[HwOp]:
        return self.built.sooner(levels)

    # What structures ask for.
    def dot_parameters(self) -> dict[str, int | str]:
        """Parameters of xf_mvu for dot products other than sums of signs."""
        return {}

    def dot_parts(self) -> Parts:
        """What its dot products take besides LUTs that they state themselves."""
        return Parts()

    @property
    def top(self) -> int:
        """The largest sum a row can count, its start excluded."""
        return self.get_nodeattr("mw") * (2**self.in_bits - 1)

    @property
    def acc_bits(self) -> int:
        """Width of an accumulator: a result, or a sum whose highest bit is the threshold's answer."""
        return self.result_bits if self.raw else self.top.bit_length() + 1

    def has_starts(self) -> bool:
        """Whether the accumulators start from something else than zero."""
        return True

    def equal_starts(self) -> bool:
        """Whether they all start from the same number, which is no memory."""
        return False

    def in_block(self) -> tuple[bool, bool]:
        """Whether the weights and whether the starts lie in block RAM."""
        mw, mh, simd, _ = self.folding()
        rom, starts = self.get_nodeattr("rom"), self.get_nodeattr("starts")
        passes = mh // self.rows
        words = mw // simd * passes
        deep = (
            words > cost.SHALLOW
            and cost.logic_rom(simd * self.rows * self.weight_bits, words) > cost.LARGEST_LOGIC_ROM
        )
        weights = rom in ("block", "columns", "ultra") or (rom == "auto" and deep)
        begin = starts == "block" or (starts == "auto" and passes >= cost.BLOCK_STARTS)
        return weights and words > 1, begin and passes > 1

    @property
    def begins_empty(self) -> bool:
        """Whether the weights lie in UltraRAM."""
        return self.get_nodeattr("rom") == "ultra" and self.in_block()[0]

    def places(self) -> tuple[str, str]:
        """Where weights and starts lie, as xf_pkg.sv calls it."""
        weights, starts = ("Block" if block else "Logic" for block in self.in_block())
        if self.begins_empty:
            weights = "Ultra"
        elif weights == "Block":
            weights = "Columns" if self.weight_rows() else "Deep" if self.deep_rows() else "Block"
        return weights, starts if self.has_starts() else "NoMemory"

    def weight_rows(self) -> int:
        """Words in a column of weights in block RAM with registers behind them; 0 without."""
        return self.get_nodeattr("rom_rows") if self.in_block()[0] and not self.begins_empty else 0

    def deep_rows(self) -> int:
        """Words in a column of weights that are chosen from right behind it (`rom` "columns"); else 0."""
        mw, mh, simd, pe = self.folding()
        if self.get_nodeattr("rom") != "columns" or self.get_nodeattr("rom_rows"):
            return 0
        return cost.deep_rows(simd * pe * self.weight_bits, mw // simd * (mh // pe))

    def words(self) -> Memories:
        """Contents of its memories: weights, word pass * (mw/simd) + beat; with `weight_rows` or `deep_rows`,
        words so far apart lie in one row; starts of the accumulators, one word per pass."""
        _, _, simd, _ = self.folding()
        pe = self.rows
        weights = self.integers("weights")
        words = memory_words(self.weight_lanes(weights), self.weight_bits)
        bits = pe * simd * self.weight_bits
        if 0 < (rows := self.weight_rows() or self.deep_rows()) < len(words):
            columns = -(-len(words) // rows)
            words = [sum(one << (bits * k) for k, one in enumerate(words[row::rows])) for row in range(rows)]
            bits *= columns
        files = {"WeightFile": (bits, words)}
        if self.has_starts():
            words = memory_words(self.starts(weights).reshape(-1, pe), self.acc_bits)
            files["StartFile"] = (pe * self.acc_bits, words)
        return files

    def decoder(self, name: str, _given: Mapping[str, Any], /) -> Decoder | None:
        return {"WeightFile": decode_weights, "ScaleFile": decode_scales}.get(name, decode_starts)

    def weight_lanes(self, weights: np.ndarray) -> np.ndarray:
        """The words of the weight memory for weights (mw, mh), a row of what is stored per weight each."""
        mw, mh, simd, _ = self.folding()
        pe = self.rows
        numbers = self.stored(weights).astype(np.min_scalar_type(2**self.weight_bits - 1))
        lanes = numbers.reshape(mw // simd, simd, mh // pe, pe).transpose(2, 0, 3, 1)
        return lanes.reshape(-1, pe * simd)

    def stored(self, weights: np.ndarray) -> np.ndarray:
        """What the weight memory holds per weight, 0 .. 2**weight_bits - 1."""
        return weights

    def starts(self, weights: np.ndarray) -> np.ndarray:
        """What each row's accumulator starts from, int64 (mh,), 0 .. 2**acc_bits - 1.

        Without thresholds: -offset, so that the sum is the result. With thresholds: half the range less the
        smallest sum that answers 1, so that the answer is the accumulator's highest bit; a threshold out of
        reach is exact."""
        thresholds = self.arrays_of.get("thresholds")
        return accumulator_starts(self.offset(weights), self.acc_bits, self.top, thresholds)

    def from_outside(self, interval: int, rounds: int = 1) -> list[HwOp]:
        matrix = self.matrix()
        return streamed(self, matrix, interval, rounds) if matrix else super().from_outside(interval)

    @property
    def shift(self) -> int:
        """Low bits that are zero in all sums of beats."""
        return 0

    def weight_parts(self) -> Parts:
        """The memory of the weights."""
        mw, mh, simd, _ = self.folding()
        width, words = simd * self.rows * self.weight_bits, mw // simd * (mh // self.rows)
        load = self.first_load
        if self.begins_empty:
            return Parts().loadable(words, width, True, load, ultra=True)
        if self.in_block()[0]:
            return cost.weight_memory(width, words, self.weight_rows(), self.deep_rows(), load)
        if load:
            return Parts().loadable(words, width, False, load)
        table = bits_of(self.weight_lanes(self.integers("weights")), self.weight_bits)
        return Parts().table(table, cost.table_lut(table))

    def start_parts(self, registers: bool = False) -> Parts:
        """The memory of what accumulators start from, one in logic with or without `registers`."""
        passes = self.get_nodeattr("mh") // self.rows
        found = Parts().counters(passes)
        if self.first_load:
            return found.loadable(passes, self.rows * self.acc_bits, self.in_block()[1], self.first_load)
        if self.in_block()[1]:
            return found.rom(passes, self.rows * self.acc_bits)
        starts = self.starts(self.integers("weights")).reshape(-1, self.rows)
        table = bits_of(starts, self.acc_bits)
        return found.table(table, cost.table_lut(table), registers)


def accumulator_starts(
    offset: np.ndarray, acc_bits: int, top: int, thresholds: np.ndarray | None = None
) -> np.ndarray:
    """Starts of accumulators of `acc_bits` bits that count results plus `offset`, 0 .. top."""
    if thresholds is None:
        return -offset % 2**acc_bits
    return 2 ** (acc_bits - 1) - np.clip(np.asarray(thresholds).astype(np.int64) + offset, 0, top + 1)


def offset_of_signs(weights: np.ndarray, bits: int, signed: bool) -> np.ndarray:
    """What the inverses add where weights (…, C) of 0 and 1 are 0, 2**bits - 1 each, and for signed elements
    the shift by 2**(bits-1) that makes them unsigned, int64 (C,)."""
    positive, shift = weights.sum(axis=0), 2 ** (bits - 1) if signed else 0
    return shift * positive + (2**bits - 1 - shift) * (len(weights) - positive)


def memory_words(lanes: np.ndarray, bits: int) -> list[int]:
    """Rows of numbers of `bits` bits, first in the lowest bits, as one integer per row."""
    return [sum(int(value) << (bits * k) for k, value in enumerate(row)) for row in lanes]
