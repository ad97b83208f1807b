"""Index of the channel with the largest score, per pixel."""

from collections.abc import Mapping
from fractions import Fraction
from math import lcm

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import as_width, whole_numbers
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops._mvu_cost import logic_rom
from xnorforge.hw.ops.base import LOADABLE, HwOp, Memories, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.per_channel import PerChannel
from xnorforge.hw.streams import packed, signed_bits, value_range
from xnorforge.hw.timing import Timing, some_given


class Tree(HwOp):
    """An operator that compares the elements of a beat in a tree, registers behind every `levels` levels."""

    def register_levels(self) -> list[int]:
        """Levels of the tree, from 1, behind which there are registers; the last one has others."""
        step, last = self.get_nodeattr("levels"), address_bits(self.get_nodeattr("pe"))
        return [*range(step, last, step)]

    def sooner(self, levels: int) -> list[HwOp]:
        """Registers behind every second level or fewer; a comparison counts twice, as a choice follows."""
        given = {name: self.get_nodeattr(name) for name in self.declared}
        steps = range(2, levels // 2 + 1) if given["pe"] > 1 else ()
        return self.falling(self.make(self.name, self.arrays_of, **given | {"levels": n}) for n in steps)


class ArgMax(PerChannel, Tree):
    """Compute, for every pixel, the index of the channel with the largest key; the lowest index on ties.

        y[…] = argmax over c of x[…, c] * 2**shift + offset[c]

    Shapes: integers (…, C) to indices (…, 1). `offset` (C,) holds any integers and is 0 by default; `shift`
    is 0 .. 16. Both turn scores with one scale but different biases into keys that can be compared.

    Rate: one beat of `pe` channels per cycle. Latency: C / pe + 1 cycles, and one per register
    in the tree, behind every `levels` levels but the last.

    Cost: a tree of comparisons over the `pe` channels of a beat, and one with the best of earlier beats."""

    module = "xf_arg_max"
    arrays: tuple[str, ...] = ("offset",)

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own = node_attributes(shift=0, levels=1)
        return super().get_nodeattr_types() | own | LOADABLE

    @property
    def loads(self) -> tuple[str, ...]:
        """The offsets."""
        return ("OffsetFile",)

    def offset(self) -> np.ndarray:
        """The offsets, integers (C,).

        Raises:
            UserError: their number differs from the channels, or the shift is out of range.
        """
        channels, shift = self.get_nodeattr("in_shape")[-1], self.get_nodeattr("shift")
        offset = whole_numbers(self.arrays_of.get("offset", np.zeros(channels)))
        if offset.shape != (channels,):
            raise UserError(
                f"{self.name}: offset has shape {offset.shape}, but there are {channels} channels; use "
                f"({channels},)."
            )
        if not 0 <= shift <= 16:
            raise UserError(f"{self.name}: shift={shift} is out of range; use 0 .. 16.")
        return offset

    def out_stream(self) -> Stream:
        *image, channels = self.in_stream().shape
        return Stream((*image, 1), 1, max(1, (channels - 1).bit_length()))

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.get)
        keys = (as_width(self.taken(context), self.key_bits) << self.get_nodeattr("shift")) + self.offset()
        context[self.onnx_node.output[0]] = np.argmax(keys, -1)[..., None].astype(np.float32)

    def answers(self, lowered: Mapping[str, np.ndarray]) -> np.ndarray:
        """Per cell the channel of the largest scale * integer + bias, (N, H, W, 1); first of equals."""
        numbers = [Fraction(x) for x in (*lowered["scale"], *lowered["bias"])]
        grid = lcm(*(x.denominator for x in numbers))
        factors, addends = np.array([int(x * grid) for x in numbers], object).reshape(2, -1)
        return (whole_numbers(lowered["integers"]).astype(object) * factors + addends).argmax(-1)[..., None]

    @property
    def key_bits(self) -> int:
        """Bits of a key in two's complement."""
        source, offset, shift = self.in_stream(), self.offset(), self.get_nodeattr("shift")
        low, high = value_range(source.bits, source.signed)
        return signed_bits((low << shift) + int(offset.min()), (high << shift) + int(offset.max()))

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        source = self.in_stream()
        return source.shape[-1] // source.lanes

    def timing(self) -> Timing:
        """With the last beat of a pixel; the keys and the tree's registers are in front."""
        return some_given(np.arange(self.folds) == self.folds - 1, 2 + len(self.register_levels()))

    def rtl(self) -> Rtl:
        source = self.in_stream()
        return self.module, {
            "Folds": self.folds, "Pe": source.lanes, "InBits": source.bits, "Signed": source.signed,
            "Shift": self.get_nodeattr("shift"), "Offsets": "offset" in self.arrays_of,
            "KeyBits": self.key_bits, "Step": self.get_nodeattr("levels"),
        }  # fmt: skip

    def memories(self) -> Memories:
        if "offset" not in self.arrays_of:
            return {}
        lanes, bits = self.get_nodeattr("pe"), self.key_bits
        words = [packed(beat, bits)[1] for beat in self.offset().reshape(-1, lanes)]
        return {"OffsetFile": (lanes * bits, words)}

    def load_parts(self) -> Parts:
        """As of every operator, and a memory in place of a table in logic."""
        found = super().load_parts()
        for width, words in self.memories().values() if self.first_load else ():
            found.loadable(len(words), width, False, self.first_load, 0)
        return found

    def parts(self) -> Parts:
        """Keys, the best of them and its index: the place times the lanes, a chain where these are no power
        of two, and the lane. Without offsets the sign of unsigned keys is no bit."""
        lanes, bits, index, folds = self.get_nodeattr("pe"), self.key_bits, self.out_stream().bits, self.folds
        added = "offset" in self.arrays_of
        kept = bits - (not added and not self.in_stream().signed)
        found = Parts().counters(*[folds] * (1 + added)).spare(index).registers(2 + lanes * kept + index)
        found.comparators(bits, lanes - 1)
        self._tree_registers(found, kept)
        if folds > 1:
            found.registers(kept).gates(best_bits=bits, index_bits=index * (3 if lanes > 1 else 1))
            found.comparators(bits).chains(*([index] if lanes & (lanes - 1) else []))
        if added:
            offset, low = self.offset(), self.get_nodeattr("shift")
            found.adders(bits - low, count=lanes).gates(shifted_bits=lanes * low)
            found.gates(table=logic_rom(lanes * int(offset.max() - offset.min()).bit_length(), folds))
        return found

    def _tree_registers(self, found: Parts, kept: int) -> None:
        """Those of the tree: keys of `kept` bits with the lane so far. The last candidate of a level is only
        delayed where it has no rival."""
        lanes, levels, width, waits = self.get_nodeattr("pe"), self.register_levels(), kept, 0
        for level in range(1, address_bits(lanes)):
            if -(-lanes // 2 ** (level - 1)) % 2 == 0:  # it has a rival
                found.delay(width, waits)
                width, waits = kept + level, 0
            if level in levels:
                found.registers(1 + (-(-lanes // 2**level) - 1) * (kept + level))
                waits += 1
        found.delay(width, waits)


Op = ArgMax
