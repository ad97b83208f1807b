"""Any order of a frame's elements: two frames, or equal parts, in memory, read by addresses."""

from math import prod

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._grouped import Grouped
from xnorforge.hw.ops.base import Memories, Rtl, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.timing import Buffer, Stop, Timing, Work

BLOCK = 2048  # bits of the table of addresses from which it lies in block RAM


class Permute(Grouped):
    """Bring the elements of a frame into another order, in a frame of any shape.

    Shapes: `in_shape` to `out_shape`, with as many elements. Groups of `group` neighbours stay together:
    `order` (groups,) has for each group of the output its place in the input, each place once. `pe` divides
    `group`, and `group` the last axis of both shapes.

    Rate: one beat per cycle. Latency: until the first group has arrived, and 1 cycle.

    Cost: two frames in memory, and a table of the addresses; where parts of a frame follow each other, each
    in the same order, two of these."""

    module = "xf_permute"
    arrays: tuple[str, ...] = ("order",)

    def order(self) -> np.ndarray:
        """The place in the input of each group of the output, int64.

        Raises:
            UserError: a place is missing or named twice, or the frames have other sizes.
        """
        found = np.asarray(self.arrays_of["order"], np.int64)
        groups = prod(self.in_stream().shape) // self.get_nodeattr("group")
        if prod(self.out_stream().shape) != prod(self.in_stream().shape):
            raise UserError(f"{self.name}: in_shape and out_shape have different sizes; make them equal.")
        counts = np.bincount(found[(found >= 0) & (found < groups)], minlength=groups)
        if len(found) != groups or not counts.all():
            raise UserError(f"{self.name}: order does not name each of {groups} places once; correct it.")
        return found

    def part(self) -> np.ndarray:
        """The order of the smallest part that a frame repeats."""
        order = self.order()
        ends = 1 + np.flatnonzero(np.maximum.accumulate(order) == np.arange(len(order)))
        for end in ends[len(order) % ends == 0].tolist():
            if (order.reshape(-1, end) == order[:end] + np.arange(0, len(order), end)[:, None]).all():
                return order[:end]
        return order

    def addresses(self) -> np.ndarray:
        """The beat of the part of the input for each beat of that of the output."""
        if "addresses" not in self._read:
            beats = self.get_nodeattr("group") // self.get_nodeattr("pe")
            self._read["addresses"] = (self.part()[:, None] * beats + np.arange(beats)).ravel()
        return self._read["addresses"]

    def execute_node(self, context: Tensors, _graph: object) -> None:
        x = self.taken(context)
        groups = x.reshape(len(x), -1, self.get_nodeattr("group"))
        context[self.onnx_node.output[0]] = groups[:, self.order()].reshape(len(x), *self.out_stream().shape)

    def timing(self) -> Timing:
        """A beat is read as soon as it is there; a part is left as a whole."""
        depth = len(self.addresses())
        buffer = Buffer(depth, 2 * depth, needed=lambda: np.append(1 + self.addresses()[:-1], depth))
        return Timing([Work(depth, frees=depth)], 1, Stop.READER, buffer)

    def rtl(self) -> Rtl:
        kind = 2 if self._table_bits() > BLOCK else 1
        width = self.in_stream().width
        return self.module, {"Beats": len(self.addresses()), "Width": width, "TableKind": kind}

    def _table_bits(self) -> int:
        beats = len(self.addresses())
        return beats * address_bits(beats)

    def memories(self) -> Memories:
        addresses = self.addresses()
        return {"OrderFile": (address_bits(len(addresses)), addresses.tolist())}

    def parts(self) -> Parts:
        """Two parts, the table, and the counters of writer and reader."""
        bits, beats = self.in_stream().width, len(self.addresses())
        width = address_bits(beats)
        found = Parts(address_bits=width).counters(beats, 2 * beats)
        # Of an address the lowest bits are those of the place: the second part begins at a multiple of them.
        even = (beats & -beats).bit_length() - 1
        found.memory(2 * beats, bits).registers(width + 4)
        found.chains(*[width + 1 - even] * (beats != 1 << even))
        found.compared[width + 1, False] += 1
        if self._table_bits() > BLOCK:
            return found.rom(beats, width, 0)
        return found.gates(table=cost.logic_memory(width, beats))


Op = Permute
