"""Multi-threshold quantisation: the level of an integer is the number of thresholds it reaches."""

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.fabric import address_bits, memory_of
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._decode import Decoder, decode_ahead, decode_step, decode_thresholds
from xnorforge.hw.ops._mvu import memory_words
from xnorforge.hw.ops.base import LOADABLE, Attributes, Memories, Rtl, Stream, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.per_channel import SAVED, PerChannel
from xnorforge.hw.streams import check_divides, value_range
from xnorforge.hw.timing import Stop, Timing, beat_for_beat
from xnorforge.hw.words import binary, bits_of, different_columns

SHORT = (0, 0, 1, 1, 1, 1, 1, 2, 3, 2, 2)  # LUTs by Yosys of a comparison with a constant of so many bits
EACH = {1: (0.28, 0.3), 2: (0.71, 2.4), 3: (0.98, 2.2), 4: (1.25, 2.0)}  # of so many: per bit, less those
WIDEST_BEAT = 8192  # bits of several pixels: more than a memory port brings per cycle waits for it
MOST_PIXELS = 64  # of a part of xf_threshold_parts
AHEAD = 32  # beats per pixel from which tables of three thresholds are read a beat ahead


class Threshold(PerChannel):
    """Count the thresholds of its channel that an integer reaches.

        y[…, c] = number of thresholds t[c] with direction[c] * x[…, c] >= t[c]

    Shapes: integers (…, C) to levels (…, C), UINT of as many bits as the number of steps needs; one step
    makes a bit. `thresholds` (C, steps) are integers that ascend per channel, 1 .. 255 steps; `direction`
    (C,) of +1 and -1 is all +1 by default. With `pixels` of 2 or more, which divides the pixels of a frame, a
    beat has that many pixels with all of their channels, and pe = C.

    Rate: one beat per cycle. Latency: one cycle per bit of a level.

    Cost: a binary search, one comparison per bit of a level and lane; the thresholds are tables in LUTs, or
    where that saves more than it takes in block RAM: of two-bit levels of many channels, and of more bits
    where pe is 1. Where thresholds lie at even distances, a Requantise is cheaper.
    """

    module = "xf_threshold"
    ready_through = True
    arrays: tuple[str, ...] = ("thresholds", "direction")
    extents: ClassVar[dict[str, str]] = PerChannel.extents | {"pixels": "in_shape"}
    styles: ClassVar[dict[str, tuple[str | int, ...]]] = {"tables": tuple(SAVED)}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        tables = ("s", False, "auto", {*SAVED})
        return super().get_nodeattr_types() | {"pixels": ("i", False, 1), "tables": tables} | LOADABLE

    @classmethod
    def sizes(cls, attributes: Attributes) -> dict[str, int]:
        *places, channels = attributes["in_shape"]
        return {"pe": channels, "pixels": prod(places)}

    @classmethod
    def foldings(cls, attributes: Attributes) -> dict[str, list[int]]:
        """Divisors; of several pixels those that make no wider beat than `WIDEST_BEAT`, or a single one
        where a host loads thresholds.
        """
        found = super().foldings(attributes)
        most = WIDEST_BEAT // (attributes["in_shape"][-1] * attributes["in_bits"])
        most = 1 if attributes.get("loadable") or attributes.get("pages") else most
        return found | {"pixels": [pixels for pixels in found["pixels"] if pixels <= max(1, most)]}

    @classmethod
    def together(cls, attributes: Attributes, folding: Attributes) -> bool:
        """Several pixels are whole ones; block RAM is for the tables of a long search."""
        channels, pe = attributes["in_shape"][-1], folding["pe"]
        if folding.get("tables") == "block" and channels // pe < AHEAD:
            return False
        return folding.get("pixels", 1) == 1 or pe == channels

    def stream(self, bits: int, signed: bool) -> Stream:
        """As of every operator of its kind, with several pixels all channels of each side by side.

        Raises:
            UserError: pe does not divide the channels, pixels not those of a frame, or they do not go
                together.
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
    def loads(self) -> tuple[str, ...]:
        """The tables that are read a beat ahead."""
        return ("ThresholdFile", *(f"StepFile{k}" for k in range(2, self.bits))) if self.ahead() else ()

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
        if not 1 <= thresholds.shape[1] <= 255:
            raise UserError(
                f"{self.name}: {thresholds.shape[1]} thresholds per channel are out of range; use 1 .. 255."
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

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        thresholds, direction = self.tables()
        reached = (self.taken(context) * direction)[..., None] >= thresholds
        context[self.onnx_node.output[0]] = reached.sum(axis=-1).astype(np.float32)

    def in_block(self) -> int:
        """The tables in block RAM of those that are read a beat ahead: bit 0 the first one, bit k that of
        stage k.
        """
        found = 0
        for place, (depth, width) in self._ahead_tables().items():
            made = memory_of(depth, width, "rom")
            saved = SAVED[self.get_nodeattr("tables")] * made.bram36
            found |= (_logic(depth, width) > made.choice + saved) << place
        return found

    def _ahead_tables(self) -> dict[int, tuple[int, int]]:
        """{bit of `in_block`: words and their bits} of the tables that are read ahead."""
        source, ends = self.in_stream(), min(np.shape(self.arrays_of["thresholds"])[1], 3)
        found = {0: (self.folds, source.lanes * (ends * (source.bits + 1) + 1))}
        return found | {k: (self.folds << k, source.bits + 1) for k in range(2, self.bits)}

    def ahead(self) -> bool:
        """Whether its tables are read a beat ahead: of levels of two bits, unless the table is so short that
        it costs little to search; of more bits and one channel where block RAM saves LUTs. Of both kinds all
        that a host can load.
        """
        if self.replaced and self.get_nodeattr("pixels") == 1:
            return self.bits <= 2 or self.in_stream().lanes == 1
        if self.bits == 2:
            return self.folds >= AHEAD
        return self.bits > 2 and self.in_stream().lanes == 1 and self.in_block() > 0

    def _by_side(self, stage: int) -> float:
        """LUTs per lane of a stage that compares with all its constants.

        Zeros at the end of a constant do not matter; those behind the last one are never reached.
        """
        bits, steps = self.in_stream().bits, np.shape(self.arrays_of["thresholds"])[1]
        branches = slice((1 << self.bits - 1 - stage) - 1, steps, 1 << self.bits - stage)
        bounds = self._bounds()[:, branches].astype(np.int64)
        some = (bounds > 0) & (bounds < 1 << bits)
        matter = np.where(some, bits - np.log2(np.where(some, bounds & -bounds, 1)), 0)
        constants = self.folds * bounds.shape[1]
        each = matter if constants == 1 else matter.mean(keepdims=True)
        unreached = bounds.shape[1] < 1 << stage
        return float(np.mean([_compared(count, constants) for count in each.ravel()])) + unreached / 2

    def _in_turn(self, stage: int) -> float:
        """LUTs per lane of the table of a stage that looks its constants up."""
        words, wide = self.folds << stage, self.in_stream().bits + 1
        bounds = self._bounds()[:, (1 << self.bits - 1 - stage) - 1 :: 1 << self.bits - stage]
        lanes = bounds.reshape(self.folds, -1, 1 << stage).transpose(0, 2, 1).reshape(words, -1)
        return different_columns(bits_of(lanes, wide)) / lanes.shape[1] * _table(words, self.bits)

    def _few(self, stage: int) -> bool:
        """Whether a stage has so few constants that xf_threshold compares with all of them side by side."""
        return self.folds << stage <= 4 and self.in_stream().bits <= 26

    def _flips(self) -> int:
        """Bits of an element that a direction of -1 inverts."""
        flipped = "direction" in self.arrays_of and (self.tables()[1] < 0).any()
        return self.in_stream().bits if flipped else 0

    def timing(self) -> Timing:
        """A stage per bit of the level."""
        return beat_for_beat(self.bits, Stop.READER)

    def rtl(self) -> Rtl:
        source = self.in_stream()
        if self.ahead():
            return "xf_threshold_ahead", {
                "Folds": self.folds, "Pe": source.lanes, "InBits": source.bits,
                "Signed": source.signed, "Bits": self.bits,
                "Steps": min(np.shape(self.arrays_of["thresholds"])[1], 3), "Block": self.in_block(),
            }  # fmt: skip
        pixels = self.get_nodeattr("pixels")
        return self.module if pixels <= MOST_PIXELS else "xf_threshold_parts", {
            "Folds": self.folds, "Pe": source.lanes // pixels, "Pixels": pixels,
            "InBits": source.bits, "Signed": source.signed, "Bits": self.bits,
        }  # fmt: skip

    def _bounds(self) -> np.ndarray:
        """The steps of a search (C, 2**bits - 1), integers: what the input, counted from the lowest number it
        can be, has to reach; 0 is reached always, 2**in_bits never.
        """
        thresholds, direction = self.tables()
        source = self.in_stream()
        low, high = value_range(source.bits, source.signed)
        top = high - low
        # The hardware has u = x - low, or top - u where the direction is -1: -x >= t is top - u >= t + high.
        shift = np.array([-low if up else high for up in direction > 0], object)
        steps = np.full((len(thresholds), (1 << self.bits) - 1), top + 1, object)
        steps[:, : thresholds.shape[1]] = np.clip(thresholds + shift[:, None], 0, top + 1)
        return steps

    def memories(self) -> Memories:
        """Words by lane, fold and place in the search, each a power of two, or by fold; see the modules."""
        thresholds, direction = self.tables()
        source, bits, steps = self.in_stream(), self.bits, self._bounds()
        flipped = (direction < 0).astype(np.int64)[:, None]
        # Their order: from the middle one on, stage by stage.
        order = [
            ((2 * (node - (1 << k)) + 1) << (bits - 1 - k)) - 1
            for k in range(bits)
            for node in range(1 << k, 2 << k)
        ]
        if self.ahead():
            ends, word = min(thresholds.shape[1], 3), source.bits + 1
            own = memory_words(np.concatenate([steps[:, order[:ends]], flipped], axis=1), word)
            wide = ends * word + 1
            beats = memory_words(np.reshape(np.array(own, object), (-1, source.lanes)), wide)
            behind = {k: steps[:, order[(1 << k) - 1 : (2 << k) - 1]] for k in range(2, bits)}
            tables = {f"StepFile{k}": (word, bounds.ravel().tolist()) for k, bounds in behind.items()}
            return {"ThresholdFile": (source.lanes * wide, beats), **tables}
        channels = np.concatenate([flipped, steps[:, order]], axis=1)
        lanes, folds = source.lanes // self.get_nodeattr("pixels"), self.folds
        lane_span, fold_span = (1 << address_bits(size) for size in (lanes, folds))
        words = np.zeros((lane_span, fold_span, 1 << bits), object)
        words[:lanes, :folds] = channels.reshape(folds, lanes, -1).transpose(1, 0, 2)
        return {"ThresholdFile": (source.bits + 1, words.ravel().tolist())}

    def decoder(self, name: str, _given: Mapping[str, Any], /) -> Decoder | None:
        if not self.ahead():
            return decode_thresholds
        return decode_ahead if name == "ThresholdFile" else decode_step

    def parts(self) -> Parts:
        source, folds, bits = self.in_stream(), self.folds, self.bits
        lanes, word, tables = source.lanes, source.bits + 1, self.memories()
        found = Parts().counters(folds)
        if self.ahead():
            first, blocks = self._ahead_tables()[0], self.in_block()
            compared = max(bits - 2, 0)
            found.registers(bits + lanes * ((bits - 1) * source.bits + (first[1] // lanes - 1 - word) + 3))
            found.registers(compared * (folds - 1).bit_length() + sum(range(3, bits + 1)))
            found.comparators(word, min(bits, 2 + compared) * lanes)
            found.gates(ahead=1, ahead_flips=lanes * self._flips(), stages=compared)
            found.gates(**{f"word bits, {first[1] // word // lanes} steps": lanes * word})
            for place, (depth, wide) in self._ahead_tables().items():
                width, numbers = tables[f"StepFile{place}" if place else "ThresholdFile"]
                if self.first_load:
                    found.loadable(depth, wide, bool(blocks >> place & 1), self.first_load)
                elif blocks >> place & 1:
                    found.rom(depth, wide)
                else:
                    found.table(binary(numbers, width), _logic(depth, wide))
            return found
        width, numbers = tables["ThresholdFile"]
        words = binary(numbers, width).reshape(-1, 1 << address_bits(folds), 1 << bits, width)
        pixels = self.get_nodeattr("pixels")
        words = np.tile(words[: lanes // pixels, : 1 << (folds - 1).bit_length()], (pixels, 1, 1, 1))
        # Lanes have the beat of a pixel in common, but not the levels that choose among thresholds.
        compared = [k for k in range(bits) if not self._few(k)]
        first = words[:, :, 1] if 0 in compared else words[:, :, 1, :0]
        found.table(np.concatenate([*first, *words[:, :, 0, :1]], -1), 0)
        for k in filter(None, compared):
            for lane in words:
                found.table(lane[:, 1 << k : 2 << k].reshape(-1, width), 0)
        found.comparators(word, lanes * len(compared))
        found.registers(bits * -(-pixels // MOST_PIXELS) + (folds - 1).bit_length() * (bits - 1))
        found.registers(lanes * (source.bits * (bits - 1) + bits * (bits + 1) // 2))
        # Of a number that only constants are compared with, low bits that are 0 in all of them are not kept.
        zeros = np.where(words.any(-1), words.argmax(-1), width).clip(max=source.bits)
        alone = range(1, 1 if compared else bits)  # the last stages are the ones that compare by size
        found.registers(-sum(int(zeros[:, :folds, 1 << k :].min((1, 2)).sum()) for k in alone))
        few, flips = self._few(0), self._flips()
        found.gates(
            searched=not few,
            by_side=lanes * sum(self._by_side(k) for k in range(bits) if self._few(k)),
            stages=lanes * len(compared),
            table=lanes * sum(map(self._in_turn, compared)),
        )
        if few and flips:  # most of them become part of the first comparison, in others all
            own = (self.tables()[1] < 0).mean() if folds == 1 else 1.0  # part of the lanes
            if bits > 1:
                found.gates(flips=lanes * flips * own)
            else:
                found.gates(single_flips=lanes * flips * (folds > 1))
        return found


def _logic(words: int, width: int) -> int:
    """LUTs of a table that is read ahead in logic."""
    return cost.logic_memory(width, 1 << (words - 1).bit_length())


def _compared(bits: float, constants: int) -> float:
    """LUTs that compare so many bits with each of a few constants and take one answer."""
    if constants == 1 and bits < len(SHORT):
        return SHORT[int(bits)]
    each, less = EACH[constants]
    return max((constants + 1) / 2, each * bits - less) if bits else 0.0


def _table(words: int, levels: int) -> float:
    """LUTs per bit of a table beside those that compare: small ones partly lie in these; in deep ones, and
    where several stages search, Yosys gets half a LUT's 64 bits or fewer into one.
    """
    counted = {1: 0.0, 2: 0.1, 4: 0.4, 8: 0.75, 16: 0.85, 32: 1.0, 64: 1.0, 128: 3.6, 256: 8.0}
    if levels > 2:
        counted |= {8: 0.9, 16: 1.0, 32: 1.4, 64: 2.2, 128: 6.5, 256: 15.0}
    return float(np.interp(words, list(counted), list(counted.values()))) * max(1, words / 256)


Op = Threshold
