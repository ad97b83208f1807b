"""Multiply and add constants by the position of a pixel: exact padding of convolutions, averages."""

from typing import Any, ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints, Record
from xnorforge.hw.any_width import as_width, whole_numbers
from xnorforge.hw.beat import LoadedBeat
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ir.values import Value, choose, sum_of, tables
from xnorforge.hw.ops.base import LOADABLE, node_attributes
from xnorforge.hw.parts import LUTS_PER_BLOCK
from xnorforge.hw.streams import signed_bits, value_range
from xnorforge.hw.words import bits_of, different_columns


class Border(LoadedBeat):
    """Compute a factor times x plus an offset that depends on the pixel's position and channel.

        y[h, w, c] = mul * x[h, w, c] + table[rows[h], columns[w], c]    modulo 2**out_bits

    Shapes: integers (H, W, C) to integers (H, W, C). Rows and columns are grouped into classes, since only
    those near the edge of an image differ: `rows` has the class of each of the H rows, `columns` that of each
    of the W columns. `table` (row classes, column classes, C) holds any integers. `mul` is 1 or more;
    `factors` (row classes, column classes), where present, replace it with factors of 1 or more per position.

    With such offsets a convolution is exact whose padding value is not an integer of its input (`offsets.py`
    computes the table); with factors an average is exact that counts only the pixels inside the image.

    Rate: one beat of `pe` channels per cycle. Latency: 2 cycles.

    Cost: one addition per lane, `mul` by shifts and adders, and the table in LUTs or block RAM (`rom`)."""

    what = "A factor times x, and an offset that depends on the channel and the place of the pixel."
    arrays: tuple[str, ...] = ("table", "factors")
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"rom": ("block", "logic")}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own: dict[str, tuple] = node_attributes(
            mul=1, rows=[], columns=[], rom=("auto", "block", "logic"), offset_bits=0,
        )  # fmt: skip
        return super().get_nodeattr_types() | self.widths | own | LOADABLE

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """Offsets have as many bits as those of any page."""
        found, tables = super().with_pages(attributes, pages), [one["table"] for one in pages]
        bits = max(signed_bits(one.min(), one.max()) for one in tables)
        return found and (found[0] | {"offset_bits": bits}, found[1])

    @property
    def places(self) -> tuple[Ints, Ints]:
        return self.get_nodeattr("rows"), self.get_nodeattr("columns")

    def table(self) -> np.ndarray:
        """The offsets, integers (classes of rows, classes of columns, C).

        Raises:
            UserError: it does not fit the image's channels or the classes.
        """
        table = whole_numbers(self.arrays_of["table"])
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
        """The factors, whole (classes of rows, classes of columns); None where `mul` is that of all places.

        Raises:
            UserError: one is less than 1, or they do not fit the table.
        """
        given, mul = self.arrays_of.get("factors"), self.get_nodeattr("mul")
        if given is None and mul < 1:
            raise UserError(f"{self.name}: mul={mul} is out of range; use 1 or more.")
        if given is None:
            return None
        found, classes = whole_numbers(given), self.table().shape[:2]
        if found.shape != classes or found.min() < 1:
            raise UserError(
                f"{self.name}: factors have shape {found.shape} and a minimum of {int(found.min())}; use "
                f"shape {classes} and factors of 1 or more."
            )
        return found

    def expression(self, x: Value) -> Value:
        """Shifted and added: factors have few bits, and no multiplier is spent on them."""
        table, factors, out_bits, x = self.table(), self.factors(), self.get_nodeattr("out_bits"), x.cut()
        own = self.get_nodeattr("offset_bits") or signed_bits(table.min(), table.max())
        bits, used = min(out_bits, own), tuple(slice(max(classes) + 1) for classes in self.places)
        low, high = value_range(bits, True)
        table = (as_width(table, bits + 1) - low) % (1 << bits) + low
        offset = self.constant("offset", table[used], (low, high)).cut()
        if factors is None:
            mul = self.get_nodeattr("mul")
            terms = [x << k for k in range(mul.bit_length()) if mul >> k & 1]
        else:
            factor = self.constant("factor", factors[used]).cut()
            terms = [choose((factor >> k).low(1), x << k, 0) for k in range(int(factors.max()).bit_length())]
        return sum_of([offset, *(one.wrap(out_bits, True) for one in terms)]).named("sum")

    def in_block(self) -> bool:
        """Whether the table lies in block RAM."""
        rom, design = self.get_nodeattr("rom"), self.in_logic
        words = [bits_of(design.entries(one), one.bits) for one in tables(self.value)]
        if not words or rom == "logic":
            return False
        columns = different_columns(np.hstack([bits ^ bits[:1] for bits in words]))
        saved = LUTS_PER_BLOCK * memory_of(design.words, columns, "block").bram36
        return rom == "block" or columns * max(1, design.words / 70) > saved

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
