"""Multiply and add constants that depend on the position of the pixel: exact padding of convolutions and
averages.
"""

from typing import Any, ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import as_width
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ops._per_channel import PerChannel
from xnorforge.hw.ops._streams import packed, signed_bits, value_range
from xnorforge.hw.ops._timing import Timing, beat_for_beat
from xnorforge.hw.ops.base import LOADABLE, Memories, Rtl, Tensors
from xnorforge.hw.parts import LUTS_PER_BLOCK, Parts
from xnorforge.hw.words import binary


class Border(PerChannel):
    """Compute a factor times x plus an offset that depends on the pixel's position and channel.

        y[h, w, c] = mul * x[h, w, c] + table[rows[h], columns[w], c]    modulo 2**out_bits

    Shapes: integers (H, W, C) to integers (H, W, C). Rows and columns are grouped into classes, since only
    those near the edge of an image differ: `rows` has the class of each of the H rows, `columns` that of each
    of the W columns. `table` (row classes, column classes, C) holds any integers. `mul` is 1 or more;
    `factors` (row classes, column classes), where present, replace it with factors of 1 or more per position.

    With such offsets a convolution is exact whose padding value is not an integer of its input (`offsets.py`
    computes the table); with factors an average is exact that counts only the pixels inside the image.

    Rate: one beat of `pe` channels per cycle. Latency: 2 cycles.

    Cost: one addition per lane, `mul` by shifts and adders, and the table in LUTs or block RAM (`rom`).
    """

    module = "xf_border"
    arrays: tuple[str, ...] = ("table", "factors")
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"rom": ("block", "logic")}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own: dict[str, tuple] = {
            "mul": ("i", False, 1),
            "rows": ("ints", True, []),
            "columns": ("ints", True, []),
            "rom": ("s", False, "auto", {"auto", "block", "logic"}),
            "offset_bits": ("i", False, 0),
        }
        return super().get_nodeattr_types() | self.widths | own | LOADABLE

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """Offsets have as many bits as those of any page."""
        found, tables = super().with_pages(attributes, pages), [one["table"] for one in pages]
        return found and (
            found[0] | {"offset_bits": max(signed_bits(one.min(), one.max()) for one in tables)},
            found[1],
        )

    @property
    def loads(self) -> tuple[str, ...]:
        """The table."""
        return ("OffsetFile",)

    def table(self) -> np.ndarray:
        """The offsets, int64 (classes of rows, classes of columns, C).

        Raises:
            UserError: it does not fit the image's channels or the classes.
        """
        table = np.asarray(self.arrays_of["table"]).astype(np.int64)
        height, width, channels = self.get_nodeattr("in_shape")
        if table.ndim != 3 or table.shape[2] != channels:
            raise UserError(
                f"{self.name}: table has shape {table.shape}, but there are {channels} channels; "
                f"use (classes of rows, classes of columns, {channels})."
            )
        for what, size, classes in (("rows", height, table.shape[0]), ("columns", width, table.shape[1])):
            given = self.get_nodeattr(what)
            if len(given) != size or min(given) < 0 or max(given) >= classes:
                raise UserError(
                    f"{self.name}: {what}={list(given)} must assign one of {classes} classes to each of "
                    f"{size} {what}; use {size} numbers of 0 .. {classes - 1}."
                )
        return table

    def factors(self) -> np.ndarray | None:
        """The factors, int64 (classes of rows, classes of columns); None where `mul` is that of all places.

        Raises:
            UserError: one is less than 1, or they do not fit the table.
        """
        given, mul = self.arrays_of.get("factors"), self.get_nodeattr("mul")
        if given is None and mul < 1:
            raise UserError(f"{self.name}: mul={mul} is out of range; use 1 or more.")
        if given is None:
            return None
        found, classes = np.asarray(given).astype(np.int64), self.table().shape[:2]
        if found.shape != classes or found.min() < 1:
            raise UserError(
                f"{self.name}: factors have shape {found.shape} and a minimum of {int(found.min())}; use "
                f"shape {classes} and factors of 1 or more."
            )
        return found

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        sink, rows, columns = self.out_stream(), self.get_nodeattr("rows"), self.get_nodeattr("columns")
        x = as_width(self.taken(context), sink.bits)
        factors, places = self.factors(), np.ix_(rows, columns)
        times = self.get_nodeattr("mul") if factors is None else factors[places][..., None]
        y = x * times + self.table()[places]
        low, _ = value_range(sink.bits, sink.signed)
        context[self.onnx_node.output[0]] = (y - low) % 2**sink.bits + low

    def latency(self) -> int:
        """The table, then the sum."""
        return 2

    @property
    def offset_bits(self) -> int:
        """Bits that hold every offset, at most those of the output."""
        table = self.table()
        own = self.get_nodeattr("offset_bits") or signed_bits(table.min(), table.max())
        return min(self.get_nodeattr("out_bits"), own)

    @property
    def factor_bits(self) -> int:
        """Bits of the largest factor in the table, 0 where `mul` is that of all places."""
        factors = self.factors()
        return 0 if factors is None else int(factors.max()).bit_length()

    def spans(self) -> tuple[int, ...]:
        """Bits of the table's address: class of rows, class of columns, beat of the pixel."""
        rows, columns, channels = self.table().shape
        return tuple(
            max(1, (n - 1).bit_length()) for n in (rows, columns, channels // self.get_nodeattr("pe"))
        )

    def table_columns(self) -> int:
        """Bits of a word of the table that are neither constant nor, maybe inverted, another bit of it."""
        words = self.table().reshape(-1, self.get_nodeattr("pe"))
        columns = ((words[..., None] >> np.arange(self.offset_bits)) & 1).reshape(len(words), -1)
        if (factors := self.factors()) is not None:
            each = np.repeat(factors.ravel(), len(words) // factors.size)
            columns = np.hstack([columns, (each[:, None] >> np.arange(self.factor_bits)) & 1])
        columns ^= columns[0]
        return len({column.tobytes() for column in columns.T if column.any()})

    def table_cost(self) -> float:
        """LUTs of the table in logic."""
        return self.table_columns() * max(1, (1 << sum(self.spans())) / 70)

    def blocks(self) -> float:
        """BRAM36 that the table would take."""
        return memory_of(1 << sum(self.spans()), self.table_columns(), "block").bram36

    def in_block(self) -> bool:
        """Whether the table lies in block RAM."""
        rom = self.get_nodeattr("rom")
        return rom == "block" or (rom == "auto" and self.table_cost() > LUTS_PER_BLOCK * self.blocks())

    def timing(self) -> Timing:
        """Two stages."""
        return beat_for_beat(self.latency())

    def rtl(self) -> Rtl:
        source, (row_bits, column_bits, _) = self.in_stream(), self.spans()
        height, width, channels = source.shape
        return self.module, {
            "Height": height, "Width": width, "Folds": channels // source.lanes, "Pe": source.lanes,
            "InBits": source.bits, "Signed": source.signed, "Mul": (64, self.get_nodeattr("mul")),
            "FactorBits": self.factor_bits,
            "OutBits": self.get_nodeattr("out_bits"), "OffsetBits": self.offset_bits,
            "RowW": row_bits, "ColumnW": column_bits, "Rows": packed(self.get_nodeattr("rows"), row_bits),
            "Columns": packed(self.get_nodeattr("columns"), column_bits), "Kind": 1 + self.in_block(),
        }  # fmt: skip

    def memories(self) -> Memories:
        """Words by class of rows, class of columns and beat, each a power of two; the last class fills what
        is over.
        """
        table, lanes, bits, spans = self.table(), self.get_nodeattr("pe"), self.offset_bits, self.spans()
        over = [(0, (1 << span) - size) for span, size in zip(spans, table.shape[:2])]
        words = np.pad(table.reshape(*table.shape[:2], -1, lanes), (*over, (0, 0), (0, 0)), mode="edge")
        words = np.pad(words, ((0, 0), (0, 0), (0, (1 << spans[2]) - words.shape[2]), (0, 0)))
        beats = [packed(beat, bits)[1] for beat in words.reshape(-1, lanes)]
        if (factors := self.factors()) is not None:
            of_place = np.pad(factors, over, mode="edge").ravel().tolist()
            beats = [beat | of_place[index >> spans[2]] << (lanes * bits) for index, beat in enumerate(beats)]
        return {"OffsetFile": (lanes * bits + self.factor_bits, beats)}

    def parts(self) -> Parts:
        """One chain for all terms of a sum; of a power of two times x from the first bit of that on."""
        source, sink, mul = self.in_stream(), self.out_stream(), self.get_nodeattr("mul")
        found = Parts().counters(*source.shape[:2], source.shape[2] // source.lanes).spare(sink.width)
        if self.factor_bits:
            where = "block" if self.in_block() else "logic"
            found.gates(**{f"bits times factors of {where}": source.lanes * self.factor_bits * sink.bits})
        else:  # the lowest bits of a multiple of a power of two are the offset's own
            rest = (mul & -mul).bit_length() - 1
            found.gates(summed_bits=source.lanes * (mul.bit_count() * sink.bits - rest))
        if self.in_block():
            found.rom(1 << sum(self.spans()), self.table_columns(), 0)
        else:
            width, words = self.memories()["OffsetFile"]
            found.table(binary(words, width), self.table_cost())
        shifted = mul.bit_length() - 1 if mul.bit_count() == 1 and not self.factor_bits else 0
        found.chains(sink.bits - shifted, count=source.lanes)
        return found.registers(2 + source.lanes * min(source.bits, sink.bits) + sink.width)

    @classmethod
    def scaled(cls):
        """Factors beyond 2, of all places and by place."""
        points: list[tuple[Any, ...]] = [  # shape, pe, bits, signed, out_bits, classes, mul or -largest, rom
            ((5, 6, 4), 2, 6, 0, 10, (3, 3), 3, "auto"), ((4, 4, 3), 3, 7, 1, 12, (2, 2), 7, "block"),
            ((3, 5, 2), 1, 5, 1, 6, (3, 1), 12, "auto"), ((5, 6, 4), 2, 6, 0, 11, (3, 3), -9, "auto"),
            ((4, 4, 3), 3, 7, 1, 12, (2, 3), -18, "block"), ((3, 5, 6), 1, 5, 1, 9, (3, 3), -5, "logic"),
            ((1, 1, 2), 2, 4, 0, 8, (1, 1), -4, "auto"), ((7, 2, 5), 5, 1, 0, 6, (4, 2), -36, "auto"),
            ((3, 3, 2), 2, 6, 1, 56, (2, 2), 2**48 + 5, "auto"),
        ]  # fmt: skip
        found = []
        for index, (shape, pe, bits, signed, out_bits, classes, factor, rom) in enumerate(points):
            rng = np.random.default_rng(50 + index)
            arrays = {"table": rng.integers(-20, 21, (*classes, shape[2]))}
            if factor < 0:
                arrays["factors"] = rng.integers(1, 1 - factor, classes)
            found.append(cls.make(
                f"scaled_{index}", arrays, in_shape=shape, pe=pe, in_bits=bits, in_signed=signed,
                out_signed=1, out_bits=out_bits, mul=max(factor, 1),
                rows=rng.integers(0, classes[0], shape[0]).tolist(),
                columns=rng.integers(0, classes[1], shape[1]).tolist(), rom=rom,
            ))  # fmt: skip
        return found


Op = Border
