"""Weighted sum of streams: shortcuts, branches, gates."""

from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.beat import CombiningBeat, LoadedBeat
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ir.values import Value, sum_of
from xnorforge.hw.ops.base import LOADABLE, Attributes
from xnorforge.hw.per_channel import MOST_INSIDE, SAVED
from xnorforge.hw.streams import signed_bits, value_range


class Join(LoadedBeat, CombiningBeat):
    """Add streams, each multiplied by a constant per channel.

        y[…, c] = Σ_k multipliers[k, c] * x_k[…, c]    modulo 2**out_bits

    Shapes: one or more streams (…, C) to (…, C). `multipliers` (inputs, C) are integers; `in_bits` and
    `in_signed` have one entry per stream. Lowering chooses `out_bits` from the known ranges of the integers,
    so no sum overflows.

    Rate: one beat of `pe` channels per cycle; a beat is taken from all streams at once. Latency: 2 cycles.

    Cost: a stream whose multipliers are all equal needs wires or a constant multiplication; others need a
    table in LUTs, or, as the thresholds' `tables`, in block RAM, and one DSP block per lane for products of 9
    bits or more."""

    what = "The sum of streams, each times a factor of its channel."
    arrays: tuple[str, ...] = ("multipliers",)
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"tables": tuple(SAVED)}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own = {"tables": ("s", False, "auto", {*SAVED}), "word_bits": ("ints", False, [])}
        return super().get_nodeattr_types() | LOADABLE | own

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """A multiplier is as wide as the widest of all pages, and a constant only if it is that of all."""
        tables = np.stack([whole_numbers(one["multipliers"]) for one in pages])
        rows = tables.swapaxes(0, 1)
        bits = [0 if (row == row.flat[0]).all() else signed_bits(row.min(), row.max()) for row in rows]
        found = super().with_pages(attributes, pages)
        return found if not found or not any(bits) else (found[0] | {"word_bits": bits}, pages)

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Block RAM is for long tables."""
        long = attributes["in_shape"][-1] // folding["pe"] > MOST_INSIDE
        return long or folding.get("tables") != "block"

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

    def expression(self, *streams: Value) -> Value:
        bits = self.sum_bits()
        kinds = zip(streams, self.table(), self.word_bits(), strict=True)
        products = [
            (x * (self.constant(f"factor{k}", row, value_range(word, True)) if word else int(row[0])))
            .wrap(bits, True).named(f"product{k}").cut()
            for k, (x, row, word) in enumerate(kinds)
        ]  # fmt: skip
        return sum_of(products).wrap(bits, True).named("sum")

    def constant_widths(self):
        """Of the multipliers."""
        return {"word_bits": self.word_bits()}

    def word_bits(self) -> list[int]:
        """Per stream, bits of a multiplier in the table, two's complement; 0 where it is a constant."""
        return self.get_nodeattr("word_bits") or [
            0 if (row == row[0]).all() else signed_bits(row.min(), row.max()) for row in self.table()
        ]

    def in_block(self) -> bool:
        """Whether the table is in block RAM."""
        source, width = self.in_stream(), sum(self.word_bits()) * self.get_nodeattr("pe")
        folds = source.shape[-1] // source.lanes
        if not width or folds <= MOST_INSIDE:
            return False
        saved = SAVED[self.get_nodeattr("tables")] * memory_of(folds, width, "rom").bram36
        return width * -(-folds // 64) > saved

    def sum_bits(self) -> int:
        """Bits of two's complement that hold every sum, `out_bits` at most; as many of other multipliers."""
        if self.replaced:
            return self.get_nodeattr("out_bits")
        ends = [
            [np.minimum(row * low, row * high), np.maximum(row * low, row * high)]
            for row, stream in zip(self.table().astype(object), self.in_streams())
            for low, high in [value_range(stream.bits, stream.signed)]
        ]
        least, greatest = np.sum(ends, 0)
        return min(signed_bits(least.min(), greatest.max()), self.get_nodeattr("out_bits"))


Op = Join
