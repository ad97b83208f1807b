"""Weighted sum of streams: shortcuts, branches, gates."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import weighted_sum, whole_numbers
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ops._per_channel import MOST_INSIDE, SAVED, Combining, table_parts
from xnorforge.hw.ops._streams import packed, signed_bits, value_range, wrapped
from xnorforge.hw.ops.base import LOADABLE, Attributes, Memories, Rtl, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import binary


class Join(Combining):
    """Add streams, each multiplied by a constant per channel.

        y[…, c] = Σ_k multipliers[k, c] * x_k[…, c]    modulo 2**out_bits

    Shapes: one or more streams (…, C) to (…, C). `multipliers` (inputs, C) are integers; `in_bits` and
    `in_signed` have one entry per stream. Lowering chooses `out_bits` from the known ranges of the integers,
    so no sum overflows.

    Rate: one beat of `pe` channels per cycle; a beat is taken from all streams at once. Latency: 2 cycles.

    Cost: a stream whose multipliers are all equal needs wires or a constant multiplication; others need a
    table in LUTs, or, as the thresholds' `tables`, in block RAM, and one DSP block per lane for products of 9
    bits or more.
    """

    module = "xf_join"
    arrays: tuple[str, ...] = ("multipliers",)
    ready_through = True
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"tables": tuple(SAVED)}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        per_stream: dict[str, tuple] = {"in_bits": ("ints", True, []), "in_signed": ("ints", True, [])}
        own = {"tables": ("s", False, "auto", {*SAVED}), "word_bits": ("ints", False, [])}
        return super().get_nodeattr_types() | per_stream | self.widths | LOADABLE | own

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """A multiplier is as wide as the widest of all pages, and a constant only if it is that of all."""
        tables = np.stack([whole_numbers(one["multipliers"]) for one in pages])
        bits = [
            0 if (row == row.flat[0]).all() else signed_bits(row.min(), row.max())
            for row in tables.swapaxes(0, 1)
        ]
        found = super().with_pages(attributes, pages)
        return found if not found or not any(bits) else (found[0] | {"word_bits": bits}, pages)

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Block RAM is for long tables."""
        long = attributes["in_shape"][-1] // folding["pe"] > MOST_INSIDE
        return long or folding.get("tables") != "block"

    @property
    def loads(self) -> tuple[str, ...]:
        """The multipliers, where there is a table."""
        return ("MultiplierFile",) if any(self.word_bits()) else ()

    @property
    def has_load_port(self) -> bool:
        """Also without a table."""
        return True

    @property
    def inputs(self) -> int:
        """Streams in."""
        return len(self.get_nodeattr("in_bits"))

    def table(self) -> np.ndarray:
        """The multipliers, integers (inputs, C).

        Raises:
            UserError: they are not one per stream and channel.
        """
        table, shape = whole_numbers(self.arrays_of["multipliers"]), self.get_nodeattr("in_shape")
        if table.shape != (self.inputs, shape[-1]):
            raise UserError(
                f"{self.name}: multipliers have shape {table.shape}, but {self.inputs} streams of "
                f"{shape[-1]} channels need ({self.inputs}, {shape[-1]})."
            )
        return table

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        sink = self.out_stream()
        total = weighted_sum([self.taken(context, k) for k in range(self.inputs)], self.table())
        context[self.onnx_node.output[0]] = wrapped(total, sink.bits, sink.signed)

    def latency(self) -> int:
        """Products, sum."""
        return 2

    def constant(self) -> np.ndarray:
        """Per stream, whether all its multipliers are one number."""
        given = self.get_nodeattr("word_bits")
        return np.equal(given, 0) if given else (self.table() == self.table()[:, :1]).all(1)

    def constant_widths(self):
        """Of the multipliers."""
        return {"word_bits": self.word_bits()}

    def word_bits(self) -> list[int]:
        """Per stream, bits of a multiplier in the table, two's complement; 0 where it is a constant."""
        return self.get_nodeattr("word_bits") or [
            0 if same else signed_bits(row.min(), row.max())
            for row, same in zip(self.table(), self.constant())
        ]

    def in_block(self) -> bool:
        """Whether the table is in block RAM."""
        width, words = self.memories()["MultiplierFile"]
        if not any(self.word_bits()) or len(words) <= MOST_INSIDE:
            return False
        saved = SAVED[self.get_nodeattr("tables")] * memory_of(len(words), width, "rom").bram36
        return width * -(-len(words) // 64) > saved

    def sum_bits(self) -> int:
        """Bits of two's complement that hold every sum, `out_bits` at most; as many of other multipliers."""
        if self.first_load:
            return self.get_nodeattr("out_bits")
        ends = [
            [np.minimum(row * low, row * high), np.maximum(row * low, row * high)]
            for row, stream in zip(self.table().astype(object), self.in_streams())
            for low, high in [value_range(stream.bits, stream.signed)]
        ]
        least, greatest = np.sum(ends, 0)
        return min(signed_bits(least.min(), greatest.max()), self.get_nodeattr("out_bits"))

    def rtl(self) -> Rtl:
        source = self.in_stream()
        constants = [0 if bits else int(row[0]) for row, bits in zip(self.table(), self.word_bits())]
        constant_bits = max(32, signed_bits(min(constants), max(constants)))
        return self.module, {
            "Inputs": self.inputs, "Pe": source.lanes, "Folds": source.shape[-1] // source.lanes,
            "OutBits": self.get_nodeattr("out_bits"), "SumBits": self.sum_bits(),
            "InBits": packed(self.get_nodeattr("in_bits"), 8),
            "Signed": packed(self.get_nodeattr("in_signed"), 1),
            "WordBits": packed(self.word_bits(), 8), "ConstantBits": constant_bits,
            "Constants": packed(constants, constant_bits), "Block": int(self.in_block()),
        }  # fmt: skip

    def memories(self) -> Memories:
        """A word per fold: per lane the multipliers of all streams that have no constant."""
        bits, source = self.word_bits(), self.in_stream()
        folds = source.shape[-1] // source.lanes
        if not any(bits):
            return {"MultiplierFile": (1, [0] * folds)}
        words, at = [0] * folds, 0
        for lane in range(source.lanes):
            for row, width in zip(self.table(), bits):
                for fold in range(folds if width else 0):
                    words[fold] |= (int(row[fold * source.lanes + lane]) % 2**width) << at
                at += width
        return {"MultiplierFile": (at, words)}

    def parts(self) -> Parts:
        """A product of 9 bits or more takes a DSP block, which also adds one other term, or another product;
        several where a factor is wider than the block's. The block has the registers of its product; a sum of
        products alone, or of one and another term, is in the blocks with all its registers.
        """
        source, out, sums = self.in_stream(), self.get_nodeattr("out_bits"), self.sum_bits()
        lanes, folds = source.lanes, source.shape[-1] // source.lanes
        lane, adding, plain = Parts().registers(sums), 0, 0
        kinds = self.get_nodeattr("in_bits"), self.get_nodeattr("in_signed"), self.word_bits()
        for row, bits, signed, word in zip(self.table(), *kinds):
            factor = abs(int(row[0]))
            ones, zeros = factor.bit_count(), (factor & -factor).bit_length() - 1
            lane.gates(words=word * min(max(folds - 2, 0) / 8, 1) * (folds <= MOST_INSIDE))
            if min(bits + word, out) >= 9 if word else out >= 9 and ones > 1:
                blocks = _blocks(bits + 1, word or signed_bits(row[0], row[0]))
                lane.dsp, adding = lane.dsp + blocks, adding + self._adds(row, signed, word, blocks)
                lane.registers(17 * (blocks - 1))
                continue
            plain = max(plain, out if signed else min(bits, out))
            if word:
                kept = min(bits + word, sums)
                lane.registers(kept).chains(kept if bits > 1 else 0).gates(product_bits=bits * word)
            else:  # a constant that is no power of two as adders
                lane.registers(max(0, min(bits + factor.bit_length() - (ones < 2), sums) - max(zeros, 0)))
                lane.chains(sums, count=max(ones - 1, 0)).chains(bits * (row[0] < 0 and ones < 2))
                lane.gates(adder_bits=out * max(ones - 1, 0))
        # A subtraction stands in place of an addition, and a DSP block alone takes a negative factor.
        negated = (self.table() <= 0).all() and (self.inputs > 1 or not lane.dsp)
        lane.gates(adder_bits=out * (max(self.inputs - 1 - adding, 0) + negated) + plain * (adding > 1))
        lane.chains(sums if self.inputs > 1 else 0)
        if adding == self.inputs or (adding and self.inputs == 2):
            lane.ff = 0
            lane.carries.clear()
        found = Parts().registers(2).add(lane, count=lanes)
        if any(self.word_bits()):
            width, words = self.memories()["MultiplierFile"]
            table = binary(words, width)
            if self.in_block():
                return found.counters(folds).rom(folds, width, registers=0)
            if folds > MOST_INSIDE:
                return found.add(table_parts(table))
            found.counters(folds).table(table, 0)
        return found

    def _adds(self, row: np.ndarray, signed: int, word: int, blocks: int) -> bool:
        """Whether the DSP block of a product adds another term too. Of constants Yosys finds that in sums of
        two alone, and only where the product has a sign.
        """
        constant = self.inputs == 1 or (self.inputs == 2 and (signed or row[0] < 0))
        return blocks == 1 and bool(word or constant)


def _blocks(one: int, other: int) -> int:
    """DSP blocks of a signed product: 25 x 18 bits in one, 17 more of a factor in each further one."""
    small, large = sorted((one, other))
    return (1 + max(0, -(-(small - 18) // 17))) * (1 + max(0, -(-(large - 25) // 17)))


Op = Join
