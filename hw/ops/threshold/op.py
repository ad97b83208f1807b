"""Multi-threshold quantisation: the level of an integer is the number of thresholds it reaches."""

from math import prod
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.beat import LoadedBeat
from xnorforge.hw.even import Line, line_of
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ir.values import Value, as_value, choose, clamp, pick, table
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops.base import LOADABLE, Attributes, Stream
from xnorforge.hw.per_channel import MOST_INSIDE, SAVED, PerChannel
from xnorforge.hw.streams import check_divides, value_range

MOST_LANES = 8  # with memories of their own
LINE = "line"  # in place of tables: one multiplication
WIDEST_BEAT = 8192  # bits of several pixels: more than a memory port brings per cycle waits for it


class Threshold(LoadedBeat):
    """Count the thresholds of its channel that an integer reaches.

        y[…, c] = number of thresholds t[c] with direction[c] * x[…, c] >= t[c]

    Shapes: integers (…, C) to levels (…, C), UINT of as many bits as the number of steps needs; one step
    makes a bit. `thresholds` (C, steps) are integers that ascend per channel, 1 .. 65,535 steps; `direction`
    (C,) of +1 and -1 is all +1 by default. With `pixels` of 2 or more, which divides the pixels of a frame, a
    beat has that many pixels with all of their channels, and pe = C.

    Rate: one beat per cycle. Latency: one cycle per bit of a level, or 4 of a line.

    Cost: a binary search, one comparison per bit of a level and lane; the thresholds are tables in LUTs, or
    where that saves more than it takes in block RAM: of two-bit levels of many channels, and of more bits
    where pe is 8 at most. Thresholds at even distances can be a line: a product in DSP blocks per lane, with
    two tables; a sum of shifts where all channels have one factor. Where these distances are a power of two,
    a Requantise is cheaper."""

    what = "The number of thresholds that x reaches, or -x in channels that fall, by binary search."
    ready_through = True
    arrays: tuple[str, ...] = ("thresholds", "direction")
    extents: ClassVar[dict[str, str]] = PerChannel.extents | {"pixels": "in_shape"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"tables": (*SAVED, LINE)}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own: dict[str, tuple] = {"tables": ("s", False, "auto", {*SAVED, LINE}), "even": ("i", False, 0)}
        return super().get_nodeattr_types() | {"pixels": ("i", False, 1)} | own | LOADABLE

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        *places, channels = attributes["in_shape"]
        return {"pe": channels, "pixels": prod(places)}

    @classmethod
    def foldings(cls, attributes: Attributes) -> dict[str, list[int]]:
        """Divisors; of several pixels those that make no wider beat than `WIDEST_BEAT`, or a single one
        where a host loads thresholds."""
        found = super().foldings(attributes)
        most = WIDEST_BEAT // (attributes["in_shape"][-1] * attributes["in_bits"])
        most = 1 if attributes.get("loadable") or attributes.get("pages") else most
        return found | {"pixels": [pixels for pixels in found["pixels"] if pixels <= max(1, most)]}

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Several pixels are whole ones; block RAM is for the tables of a long search, a line for constants
        that lie on one and stay."""
        channels, pe = attributes["in_shape"][-1], folding["pe"]
        if folding.get("tables") == LINE and not attributes.get("even"):
            return False
        if folding.get("tables") == "block" and channels // pe <= MOST_INSIDE:
            return False
        return folding.get("pixels", 1) == 1 or pe == channels

    def stream(self, bits: int, signed: bool) -> Stream:
        """As of every operator of its kind, with several pixels all channels of each side by side.

        Raises:
            UserError: pe does not divide the channels, pixels not the frame's, or they do not go together.
        """
        one, pixels = super().stream(bits, signed), self.get_nodeattr("pixels")
        *places, channels = one.shape
        check_divides(self.name, "pixels", pixels, "pixels of a frame", prod(places))
        if pixels > 1 and one.lanes != channels:
            raise UserError(
                f"{self.name}: pixels={pixels} needs pe={channels} (all channels), got pe={one.lanes}."
            )
        return Stream(one.shape, pixels * one.lanes, bits, signed)

    @classmethod
    def with_pages(cls, attributes: Record, pages: list[Record]) -> tuple[Record, list[Record]] | None:
        """All pages have directions if one has."""
        if any("direction" in one for one in pages):
            pages = [{"direction": np.ones(len(one["thresholds"]), np.int64), **one} for one in pages]
        return super().with_pages(attributes, pages)

    @property
    def replaced(self) -> bool:
        """Only tables that are read a beat ahead can be replaced."""
        one = self.get_nodeattr("pixels") == 1 and (self.bits <= 2 or self.in_stream().lanes == 1)
        return super().replaced and one

    @property
    def loads(self) -> tuple[str, ...]:
        """The tables in memories."""
        return ("TableFile", *(f"Bound{k}File" for k in range(2, self.bits))) if self.replaced else ()

    @property
    def folds(self) -> int:
        """Beats per pixel; 1 where a beat has several."""
        return max(1, self.get_nodeattr("in_shape")[-1] // self.in_stream().lanes)

    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Thresholds (C, steps), integers, and directions (C,), int64.

        Raises:
            UserError: they do not fit the input, do not ascend or are too many.
        """
        channels = self.get_nodeattr("in_shape")[-1]
        thresholds = whole_numbers(self.arrays_of["thresholds"])
        direction = self.directions()
        if thresholds.ndim != 2 or len(thresholds) != channels or direction.shape != (channels,):
            raise UserError(
                f"{self.name}: thresholds have shape {thresholds.shape} and direction {direction.shape}, "
                f"but there are {channels} channels; use ({channels}, steps) and ({channels},)."
            )
        if not 1 <= thresholds.shape[1] < 2**16:
            raise UserError(
                f"{self.name}: {thresholds.shape[1]:,} thresholds per channel are too many; use 1 .. 65,535."
            )
        falls = (np.diff(thresholds, axis=1) < 0).any(axis=1)
        if falls.any():
            raise UserError(
                f"{self.name}: the thresholds of channel {falls.argmax()} do not ascend; sort them."
            )
        return thresholds, direction

    @property
    def bits(self) -> int:
        """Bits of a level."""
        return np.asarray(self.arrays_of["thresholds"]).shape[-1].bit_length()

    def out_stream(self) -> Stream:
        return self.stream(self.bits, False)

    def expression(self, x: Value) -> Value:
        """A binary search: a stage per bit of the level, the highest first, which compares x with the median
        of the thresholds that are left. Those that every x reaches become lo, those that none does hi + 1.
        Of thresholds on a line a product says how many are reached."""
        thresholds, direction = self.tables()
        if found := self.get_nodeattr("tables") == LINE and self.line:
            shift, factors, added = found
            by, first = factors * direction, int(factors[0] * direction[0])
            one = (by == first).all()  # Yosys 0.70 loses the sign of a constant's product in DSP blocks
            product = shifted_sum(x.cut(), first) if one else x.cut() * table("factor", by).cut()
            sums = (product.named("product").cut() + table("added", added)).named("sum").cut()
            return clamp(sums >> shift, 0, thresholds.shape[1])
        falls, bits, apart = direction < 0, self.bits, self.kinds
        back = ~x if x.lo < 0 else (~x).low(self.in_stream().bits)  # lo + hi - x
        u = choose(self.constant("down", falls, (0, 1)), back, x).named("u")
        bounds = np.full((len(thresholds), (1 << bits) - 1), x.hi + 1, object)
        asked = thresholds.astype(object) + falls[:, None].astype(object) * (x.lo + x.hi)
        bounds[:, : thresholds.shape[1]] = np.clip(asked, x.lo, x.hi + 1)
        among, stored = (x.lo, x.hi + 1), self.replaced or bool(apart) or self.folds > MOST_INSIDE
        level = known = as_value(0)
        for k in range(bits):
            name, own = f"bound{k}", bounds[:, (1 << bits - 1 - k) - 1 :: 1 << bits - k]
            if stored and k < 2:
                ways = [self.constant(f"{name}_{way}", own[:, way], among) for way in range(1 << k)]
                bound = choose(known, ways[-1], ways[0])
            elif name in apart:
                bound = pick(name, own, level, among if self.replaced else None).cut()
            else:
                bound = pick(name, own, known)
            level = ((known << 1) + (u >= bound)).named(f"level{k}")
            known = level.cut()
        return level

    @property
    def line(self) -> Line | None:
        """Shift, factors and addends (C,) of thresholds at even distances that stay; None at others, or where
        a lane has one factor and others have several, as `expression` says."""
        (thresholds, direction), stream = self.tables(), self.in_stream()
        low, high = value_range(stream.bits, stream.signed)
        ends = np.array([-high if way < 0 else low for way in direction], object)
        found = None if super().replaced else line_of(thresholds, ends, high - low)
        factors = found[1].reshape(self.folds, -1) if found else np.zeros((1, 1))
        alone = found and (factors * direction.reshape(factors.shape) == factors[0, 0] * direction[0]).all()
        return found if alone or (factors != factors[:1]).any(0).all() else None

    def in_block(self) -> bool:
        """Whether the thresholds of the first two stages are in block RAM."""
        return self._blocks()[0]

    @property
    def kinds(self) -> dict[str, int]:
        """Thresholds of further stages in memories of lanes: to save LUTs, or replaceable."""
        first, *further = self._blocks()
        if not self.replaced and not first and not any(further):
            return {}
        return {f"bound{k}": 1 + block for k, block in enumerate(further, 2)}

    def _blocks(self) -> list[bool]:
        """Whether block RAM saves LUTs: of the table of the first two stages, and of each further one."""
        if "blocks" not in self._read:
            source, ends = self.in_stream(), min(np.shape(self.arrays_of["thresholds"])[1], 3)
            tables = [(self.folds, source.lanes * (ends * (source.bits + 1) + 1))]
            tables += [(self.folds << k, source.bits + 1) for k in range(2, self.bits)]
            saved = SAVED.get(self.get_nodeattr("tables"), SAVED["auto"])
            made = [memory_of(*one, "rom") for one in tables]
            able = self.get_nodeattr("pixels") == 1 and (
                source.lanes <= MOST_LANES if self.bits > 2 else self.bits == 2 and self.folds > MOST_INSIDE
            )
            self._read["blocks"] = [
                able
                and cost.logic_memory(width, 1 << (depth - 1).bit_length()) > one.choice + saved * one.bram36
                for (depth, width), one in zip(tables, made)
            ]
        return self._read["blocks"]


def shifted_sum(x: Value, factor: int) -> Value:
    """x times a number, as sums and differences of shifts; times 2**n +- 1 first where that saves some."""

    def sums(number: int) -> int:  # digits of its signed binary form
        return (abs(number) ^ 3 * abs(number)).bit_count()

    ends = [(n, sign) for n in range(2, factor.bit_length()) for sign in (1, -1)]
    ways = [(1 + sums(factor // (2**n + sign)), n, sign) for n, sign in ends if not factor % (2**n + sign)]
    if ways and min(ways)[0] < sums(factor):
        _, n, sign = min(ways)
        part = shifted_sum(x, factor // (2**n + sign))
        return (part << n) + part if sign > 0 else (part << n) - part
    found, places = as_value(0), 0
    while factor:
        if digit := factor % 2 * (2 - factor % 4):  # -1 where the next bit is 1 too
            found = found + (x << places) if digit > 0 else found - (x << places)
        factor, places = factor - digit >> 1, places + 1
    return found


Op = Threshold
