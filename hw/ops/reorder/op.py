"""Elements of a frame in an order of its own: chosen, repeated, or moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops.base import HwOp, Memories, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides, divisors
from xnorforge.hw.timing import Buffer, Stop, Timing, Work, some_given

BLOCK = 2048  # bits of the table of addresses from which it lies in block RAM


class Reorder(HwOp):
    """Give the elements of a frame in an order of its own, some not at all, some several times.

        y[i] = x[order[i mod n] + period * (i div n)]    of groups of `group` neighbours, n of them in `order`

    Shapes: `in_shape` to `out_shape`, whose last part may end early. `order` (n,) are places in a part of
    `period` groups. `pe` divides `group`, and `group` the last axis of both shapes.

    Rate: one beat per cycle on the side that has more. Latency: 1 cycle where the order ascends; else 2,
    once the first beat that leaves is there.

    Cost: by the order, a register and counters (`Passed`), a part in memory, in front of which an even
    producer needs a FIFO (`Repeated`), or two parts and a table of addresses (`Moved`)."""

    module = "xf_permute"
    arrays: tuple[str, ...] = ("order",)
    extents: ClassVar[dict[str, str]] = {"pe": "group"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(in_shape=[], out_shape=[], group=1, period=int, pe=1, bits=1, signed=(0, 1))

    def in_stream(self) -> Stream:
        return self._stream("in_shape")

    def out_stream(self) -> Stream:
        return self._stream("out_shape")

    def _stream(self, key: str) -> Stream:
        shape = tuple(self.get_nodeattr(key))
        group, pe, bits = (self.get_nodeattr(name) for name in ("group", "pe", "bits"))
        check_divides(self.name, "group", group, "last axis", shape[-1])
        check_divides(self.name, "pe", pe, "group", group)
        return Stream(shape, pe, bits, bool(self.get_nodeattr("signed")))

    @property
    def order(self) -> np.ndarray:
        """The place of each group of a part, int64 (n,).

        Raises:
            UserError: places are not of a part, or parts do not make the frames.
        """
        if "order" not in self._read:
            order, period = self.integers("order"), self.get_nodeattr("period")
            groups, given = self.groups(self.in_stream()), self.groups(self.out_stream())
            if period < 1 or groups % period or groups // period != -(-given // max(len(order), 1)):
                raise UserError(
                    f"{self.name}: {groups} groups in parts of {period} do not become {given} in parts of "
                    f"{len(order)}; correct period or out_shape."
                )
            if order.min() < 0 or order.max() >= period:
                raise UserError(
                    f"{self.name}: order ranges over {order.min()} .. {order.max()}; use 0 .. {period - 1}."
                )
            self._read["order"] = order
        return self._read["order"]

    def groups(self, stream: Stream) -> int:
        """Groups of a frame of one of its streams."""
        return prod(stream.shape) // self.get_nodeattr("group")

    @property
    def beats(self) -> int:
        """Beats of a group."""
        return self.get_nodeattr("group") // self.get_nodeattr("pe")

    @property
    def parts_given(self) -> list[int]:
        """Groups that leave of each part; one for all where none ends early."""
        n, given = len(self.order), self.groups(self.out_stream())
        return [n] if given % n == 0 else [n] * (given // n) + [given % n]

    def places(self) -> np.ndarray:
        """The group of the input for each group of the output, of a whole frame, int64."""
        return _in_parts(self.order, self.get_nodeattr("period"), self.groups(self.out_stream()))

    @property
    def way(self) -> "Way":
        """How it is built."""
        if "way" not in self._read:
            self._read["way"] = next(filter(None, (way.of(self) for way in (Passed, Repeated, Moved))))
        return self._read["way"]

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        x, group = self.taken(context), self.get_nodeattr("group")
        moved = x.reshape(len(x), -1, group)[:, self.places()]
        context[self.onnx_node.output[0]] = moved.reshape(len(x), *self.out_stream().shape)

    def timing(self) -> Timing:
        return self.way.timing

    def rtl(self) -> Rtl:
        return self.way.rtl

    def memories(self) -> Memories:
        return self.way.memories

    def parts(self) -> Parts:
        return self.way.parts

    @property
    def priced_as(self) -> str:
        return self.way.priced_as


@dataclass(frozen=True)
class Passed:
    """A window of the frame, which passes a register: (rows, beats) `kept` of `size` from `first` on."""

    width: int
    size: tuple[int, int]
    first: tuple[int, int]
    kept: tuple[int, int]

    priced_as = "Crop"
    memories: ClassVar[Memories] = {}

    @classmethod
    def of(cls, op: Reorder) -> "Passed | None":
        """That of an operator whose order ascends."""
        places, shape = op.places(), op.in_stream().shape
        jumps = np.diff(places)
        if (jumps <= 0).any():
            return None
        passed = np.zeros(op.groups(op.in_stream()), bool)
        passed[places] = True
        begins = places[np.append(True, jumps > 1)]
        frame = len(passed)
        for row in [*[frame // shape[0]] * (len(shape) == 3), *np.diff(begins)[:1].tolist(), frame]:
            if frame % row:
                continue
            grid = passed.reshape(-1, row)
            sides = [np.flatnonzero(grid.any(axis)) for axis in (1, 0)]
            (top, left), kept = (int(side[0]) for side in sides), [int(np.ptp(side)) + 1 for side in sides]
            if len(places) == prod(kept):
                sizes = (grid.shape, (top, left), kept)
                return cls(op.in_stream().width, *((one[0], one[1] * op.beats) for one in sizes))
        return None

    @property
    def timing(self) -> Timing:
        """A register; some beats are dropped."""
        passed = np.zeros(self.size, bool)
        passed[tuple(slice(f, f + k) for f, k in zip(self.first, self.kept))] = True
        return some_given(passed[0] if self.kept[0] == self.size[0] else passed.ravel(), 1)

    @property
    def rtl(self) -> Rtl:
        """By rows and beats."""
        (rows, beats), (top, left), (tall, wide) = self.size, self.first, self.kept
        sizes = {"Rows": rows, "Beats": beats, "FirstRow": top, "FirstBeat": left, "KeptRows": tall}
        return "xf_crop", {**sizes, "KeptBeats": wide, "Width": self.width}

    @property
    def parts(self) -> Parts:
        """Counters of beats and rows where a part of them is kept."""
        (rows, beats), found = self.size, Parts().registers(self.width + 1).spare(self.width)
        sizes = [*[beats] * (self.kept != self.size), *[rows] * (self.kept[0] < rows)]
        return found.counters(*sizes).wrapped(*sizes)


@dataclass(frozen=True)
class Repeated:
    """A part that is read `passes` times, of which each pixel of `beats` beats leaves `copies` times: while
    it arrives and some times more, on the last time each beat makes room for one of the next part; where
    pixels are repeated too, that one comes in while a pixel is read for the last time."""

    width: int
    pixels: int
    beats: int
    passes: int
    copies: int

    priced_as = "Upsample"
    memories: ClassVar[Memories] = {}

    @classmethod
    def of(cls, op: Reorder) -> "Repeated | None":
        """That of an operator whose order is nothing else."""
        order, period = op.order, op.get_nodeattr("period")
        copies = 1 if period == 1 else int(np.append(order != order[0], True).argmax())
        passes, rest = divmod(len(order), period * copies)
        if rest or len(op.parts_given) > 1:
            return None
        if not np.array_equal(order, np.tile(np.arange(period).repeat(copies), passes)):
            return None
        return cls(op.in_stream().width, period, op.beats, passes, copies)

    @property
    def timing(self) -> Timing:
        pixels, beats, passes, copies = self.pixels, self.beats, self.passes, self.copies
        depth = pixels * beats
        if depth == 1:
            return Timing([Work(passes * copies, needs=1, frees=1)], 1, Stop.SPARE, Buffer(1, 1, free=0))
        works = [Work((passes - 1) * copies * depth)]
        for first in range(0, depth, beats):
            works.append(Work((copies - 1) * beats, frees=first))
            for place in range(first + 1, first + beats + 1):
                works.append(Work(frees=place, shuts=copies > 1 and place == first + beats < depth))

        def needed() -> np.ndarray:
            arrive = np.tile(np.arange(depth).reshape(pixels, 1, beats), (copies, 1))
            return np.pad(1 + arrive.ravel(), (0, (passes - 1) * copies * depth))

        buffer = Buffer(depth, depth, needed=needed)
        return Timing([work for work in works if work.steps], 1, Stop.READER, buffer)

    @property
    def rtl(self) -> Rtl:
        sizes = {"Pixels": self.pixels, "Beats": self.beats, "FactorH": self.passes, "FactorW": self.copies}
        return "xf_upsample", {**sizes, "Width": self.width}

    @property
    def parts(self) -> Parts:
        """The part in memory, and what counts in it."""
        depth = max(2, self.pixels * self.beats)
        address = (depth - 1).bit_length()
        found = Parts(row_bits=address).counters(depth, self.copies, self.passes).registers(address + 2)
        found.wrapped(depth, self.beats)
        if self.copies == 1:  # it never goes back within a row
            found.chains(address)
        else:
            found.counters(self.beats).walk(address, self.beats)
        if self.pixels * self.beats == 1:
            return found.spare(self.width).registers(2 * self.width)
        return found.memory(depth, self.width)


@dataclass(frozen=True)
class Moved:
    """Any order: two parts of `depth` beats in memory, left as a whole; `given` beats of each by `addresses`,
    which counters make for `blocks` of pixels (beats of a pixel in a row of a block, rows of a block)."""

    width: int
    depth: int
    addresses: np.ndarray
    given: Sequence[int]
    blocks: tuple[int, int] | None

    @classmethod
    def of(cls, op: Reorder) -> "Moved":
        """That of any operator."""
        order, period, given = op.order, op.get_nodeattr("period"), op.parts_given
        blocks = _blocks(order, period)
        if len(given) > 1 and not (blocks and given[-1] * blocks[1] % len(order) == 0):
            order, period = op.places(), op.groups(op.in_stream())
            given, blocks = [len(order)], None
        addresses = (order[:, None] * op.beats + np.arange(op.beats)).ravel()
        counted = blocks and (blocks[0] * op.beats, blocks[1])
        parts = given if len(given) > 1 else given * (op.groups(op.in_stream()) // period)
        ends = [n * op.beats for n in parts]
        return cls(op.in_stream().width, period * op.beats, addresses, ends, counted)

    @property
    def priced_as(self) -> str:
        """By counters or a table."""
        return "DepthToSpace" if self.blocks else "Permute"

    @cached_property
    def timing(self) -> Timing:
        """Two parts are kept."""
        given = self.given if len(set(self.given)) > 1 else self.given[:1]
        depth, works = self.depth, [Work(n, frees=(k + 1) * self.depth) for k, n in enumerate(given)]

        def needed() -> np.ndarray:
            some = [np.append(1 + self.addresses[: n - 1], depth) for n in given]
            return np.concatenate([k * depth + one for k, one in enumerate(some)])

        return Timing(works, 1, Stop.READER, Buffer(len(given) * depth, 2 * depth, needed=needed))

    @property
    def rtl(self) -> Rtl:
        """Counters, or a table."""
        sizes = {"Beats": self.depth, "Given": len(self.addresses), "Width": self.width}
        if not self.blocks:
            return "xf_permute", {**sizes, "TableKind": 2 if self.table > BLOCK else 1}
        (chunk, rows), row = self.blocks, len(self.addresses) // self.blocks[1]
        sizes |= {"Given": row, "Chunk": chunk, "Block": rows}
        return "xf_permute", {**sizes, "Frames": len(self.given), "LastRows": self.given[-1] // row}

    @property
    def table(self) -> int:
        """Bits of the table of addresses."""
        return len(self.addresses) * address_bits(self.depth)

    @property
    def memories(self) -> Memories:
        return {} if self.blocks else {"OrderFile": (address_bits(self.depth), self.addresses.tolist())}

    @property
    def parts(self) -> Parts:
        """Two parts, the addresses, and the counters of writer and reader. The lowest bits of an address are
        those of the place where the second part, or a row of a block, begins at a multiple of them."""
        if self.blocks:
            (chunk, rows), depth, cut = self.blocks, 2 * self.depth, len(set(self.given)) > 1
            address, even = (depth - 1).bit_length(), (chunk & -chunk).bit_length() - 1
            found = Parts(memory=1, address_bits=address - even).memory(depth, self.width)
            found.registers(2 * address - even + (even > 0) + 4).chains(address, address - even)
            kept = len(self.addresses) // rows
            found.counters(depth, kept, max(2, chunk), rows, len(self.given) if cut else 1)
            return found.comparators(address).gates(rows_dropped=cut)
        beats, width = self.depth, address_bits(self.depth)
        found = Parts(address_bits=width).counters(len(self.addresses), 2 * beats)
        even = (beats & -beats).bit_length() - 1
        found.memory(2 * beats, self.width).registers(width + 4)
        found.chains(*[width + 1 - even] * (beats != 1 << even))
        found.compared[width + 1, False] += 1
        if self.table > BLOCK:
            return found.rom(len(self.addresses), width, 0)
        return found.gates(table=cost.logic_memory(width, len(self.addresses)))


Way: TypeAlias = Passed | Repeated | Moved
Op = Reorder


def _in_parts(order: np.ndarray, period: int, many: int) -> np.ndarray:
    """The first `many` places of `order` repeated in consecutive parts of `period`."""
    i = np.arange(many)
    return order[i % len(order)] + i // len(order) * period


def _blocks(order: np.ndarray, period: int) -> tuple[int, int] | None:
    """Groups of a pixel in a row of a block, and rows of one, if `order` gives these by rows, else None."""
    second = np.flatnonzero(np.diff(order) != 1)[:1] + 1
    chunk = int(second[0]) if len(second) else len(order)
    kept = int(np.append(order == chunk, True).argmax())
    if not kept or len(order) % kept:
        return None
    rows = len(order) // kept
    row, place = np.indices((rows, kept))
    found = (place // chunk * rows + row) * chunk + place % chunk
    return (chunk, rows) if np.array_equal(order, found.ravel()) and period % (rows * chunk) == 0 else None


def reorder_of(before: Sequence[int], places: ArrayLike) -> tuple[Record, dict[str, Any]]:
    """The attributes and constants of an operator that gives a frame `before` in the shape of `places`: for
    each element of the output its place in the input, counted over all axes."""
    places = np.asarray(places, np.int64)
    order, axes = places.ravel(), (before[-1], places.shape[-1])
    group = next(n for n in divisors(int(np.gcd(*axes)))[::-1] if _together(order, n))
    order, groups = order[::group] // group, prod(before) // group
    period, n = next(found for count in divisors(groups)[::-1] if (found := _part(order, groups, count)))
    shapes = {"in_shape": [*before], "out_shape": [*places.shape]}
    return {**shapes, "group": group, "period": period}, {"order": order[:n]}


def _part(order: np.ndarray, groups: int, count: int) -> tuple[int, int] | None:
    """Groups of each of `count` parts and of what leaves; of the last may leave less. None if they differ."""
    period, many = groups // count, len(order)
    n = int(np.append(order >= period, True).argmax())
    same = n and -(-many // n) == count and np.array_equal(order, _in_parts(order[:n], period, many))
    return (period, n) if same else None


def _together(order: np.ndarray, many: int) -> bool:
    """Whether so many neighbours stay together everywhere."""
    places = order.reshape(-1, many)
    return bool((places == places[:, :1] + np.arange(many)).all() and not (places[:, 0] % many).any())
