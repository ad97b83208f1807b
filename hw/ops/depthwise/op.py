"""Depthwise convolution: one kernel of +1 and -1 per channel."""

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops import _mvu_cost as cost
from xnorforge.hw.ops._decode import Decoder, decode_starts, decode_taps
from xnorforge.hw.ops._mvu import accumulator_starts, memory_words, offset_of_signs
from xnorforge.hw.ops.base import LOADABLE, HwOp, Memories, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides, value_range
from xnorforge.hw.timing import Timing, some_given
from xnorforge.hw.words import binary, different_columns

MOST_INPUT_BITS = 12


class Depthwise(HwOp):
    """Sum the window of every channel with its own kernel of +1 and -1; return the sums or the bits sum >= T.

        sum[…, c] = Σ_k x[…, k, c] * (+1 where weights[k, c] is 1, else -1)

    Shapes: windows (OH, OW, kh * kw * C) in the order ky, kx, c to results (OH, OW, C). `weights` (kh * kw,
    C) are 0 and 1, for -1 and +1; `thresholds` (C,), where present, are any integers. Elements have `in_bits`
    bits (1 .. 12), unsigned or two's complement, and a bit counts as 0 or 1. With xnor=1 bits stand for -1
    and +1, and the result counts the bits that equal their weight, 0 .. kh * kw. Without thresholds the
    output is INT (UINT with xnor=1), as wide as the largest sum.

    Rate: one input beat of `pe` channels per cycle. Latency: (kh * kw - 1) * C / pe + 3 cycles.

    Cost: one accumulator per lane; the C / pe partial sums wait in registers, LUT RAM or block RAM."""

    module = "xf_depthwise"
    arrays: tuple[str, ...] = ("weights", "thresholds")
    extents: ClassVar[dict[str, str]] = {"pe": "ofm"}

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        own = node_attributes(ofm=[], kernel=[], pe=1, in_bits=1, in_signed=(0, 1), xnor=(0, 1))
        return own | LOADABLE

    @property
    def loads(self) -> tuple[str, ...]:
        """Both memories."""
        return ("WeightFile", "StartFile")

    @property
    def raw(self) -> bool:
        """Whether sums leave; else bits, sum >= threshold."""
        return len(self.onnx_node.input) < 3

    @property
    def taps(self) -> int:
        """Elements of a window per channel."""
        return prod(self.get_nodeattr("kernel"))

    @property
    def folds(self) -> int:
        """Beats per tap, after a check of attributes and arrays.

        Raises:
            UserError: pe does not divide the channels, an array does not fit, unknown kind of input.
        """
        pe, bits = self.get_nodeattr("pe"), self.get_nodeattr("in_bits")
        channels = self.get_nodeattr("ofm")[-1]
        check_divides(self.name, "pe", pe, "channels", channels)
        if not 1 <= bits <= MOST_INPUT_BITS:
            raise UserError(f"{self.name}: in_bits={bits} is out of range; use 1 .. {MOST_INPUT_BITS}.")
        if self.get_nodeattr("xnor") and bits > 1:
            raise UserError(f"{self.name}: xnor=1 does not work with in_bits={bits}; use in_bits=1.")
        if self.get_nodeattr("in_signed") and bits == 1:
            raise UserError(
                f"{self.name}: in_signed=1 does not work with in_bits=1; use in_bits of 2 or more."
            )
        for key, shape in (("weights", (self.taps, channels)), ("thresholds", (channels,))):
            if key in self.arrays_of and np.shape(self.arrays_of[key]) != shape:
                raise UserError(
                    f"{self.name}: {key} have shape {np.shape(self.arrays_of[key])}, but a kernel of "
                    f"{self.taps} taps and {channels} channels needs {shape}."
                )
        return channels // pe

    def in_stream(self) -> Stream:
        *image, channels = self.get_nodeattr("ofm")
        bits, signed = self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed"))
        return Stream((*image, self.taps * channels), channels // self.folds, bits, signed)

    def out_stream(self) -> Stream:
        shape, lanes = tuple(self.get_nodeattr("ofm")), self.in_stream().lanes
        if not self.raw:
            return Stream(shape, lanes)
        return Stream(shape, lanes, self.result_bits, not self.get_nodeattr("xnor"))

    def result_range(self) -> tuple[int, int]:
        """No element equal .. all equal, or +- taps times the largest magnitude of an element."""
        if self.get_nodeattr("xnor"):
            return 0, self.taps
        low, high = value_range(self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))
        largest = self.taps * max(-low, high)
        return -largest, largest

    @property
    def result_bits(self) -> int:
        """Bits of a sum."""
        low, high = self.result_range()
        return high.bit_length() + (low < 0)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        """Tap by tap, in integers."""
        x, weights, *thresholds = (np.asarray(context[one]).astype(np.int32) for one in self.onnx_node.input)
        x, signs = x.reshape(-1, *weights.shape), 2 * weights - 1
        result = np.asarray(sum(x[:, tap] * signs[tap] for tap in range(self.taps)))
        if self.get_nodeattr("xnor"):
            result = result + (weights == 0).sum(axis=0)
        if thresholds:
            result = result >= thresholds[0]
        context[self.onnx_node.output[0]] = result.astype(np.float32).reshape(-1, *self.get_nodeattr("ofm"))

    # What a channel counts: start + sum of (x where the weight is 1, else its bitwise inverse), x unsigned.
    @property
    def top(self) -> int:
        """The largest such sum, start excluded."""
        return self.taps * (2 ** self.get_nodeattr("in_bits") - 1)

    @property
    def acc_bits(self) -> int:
        """Width of a sum, or with thresholds of one whose highest bit is the answer."""
        return self.result_bits if self.raw else self.top.bit_length() + 1

    def offset(self) -> np.ndarray:
        """What inverses and the shift of signed elements add to the result, per channel."""
        weights = self.integers("weights")
        found = offset_of_signs(weights, self.get_nodeattr("in_bits"), self.get_nodeattr("in_signed"))
        return 0 * found if self.get_nodeattr("xnor") else found

    def in_block(self) -> tuple[bool, bool]:
        """Whether the weights and whether the starts lie in block RAM."""
        words = self.folds * self.taps
        large = cost.logic_rom(self.get_nodeattr("pe"), words) > cost.LARGEST_LOGIC_ROM
        return words > cost.SHALLOW and large, self.folds >= cost.BLOCK_STARTS

    def timing(self) -> Timing:
        """The beats of the last tap give the results, three stages on."""
        return some_given(np.arange(self.taps * self.folds) >= (self.taps - 1) * self.folds, 3)

    def rtl(self) -> Rtl:
        source, (weights, begins) = self.in_stream(), self.in_block()
        return self.module, {
            "Taps": self.taps, "Folds": self.folds, "Pe": source.lanes, "Bits": source.bits,
            "Signed": source.signed,
            "AccW": self.acc_bits, "Thresholds": not self.raw, "WeightBlock": weights, "StartBlock": begins,
        }  # fmt: skip

    def memories(self) -> Memories:
        """Weights, word tap * folds + fold; starts, one word per fold."""
        pe, weights = self.in_stream().lanes, self.integers("weights")
        begin = accumulator_starts(self.offset(), self.acc_bits, self.top, self.arrays_of.get("thresholds"))
        return {
            "WeightFile": (pe, memory_words(weights.reshape(-1, pe), 1)),
            "StartFile": (pe * self.acc_bits, memory_words(begin.reshape(-1, pe), self.acc_bits)),
        }

    def decoder(self, name: str, _given: Mapping[str, Any], /) -> Decoder | None:
        return decode_taps if name == "WeightFile" else decode_starts

    def parts(self) -> Parts:
        source, out, folds, bits = self.in_stream(), self.out_stream().width, self.folds, self.acc_bits
        beat, fold, sums = address_bits(folds * self.taps), address_bits(folds), source.lanes * bits
        found = Parts(input_bits=source.width).counters_of(beat).spare(out).registers(7 + 2 * source.width)
        found.adders(bits, count=source.lanes)
        for (width, words), in_block in zip(self.memories().values(), self.in_block()):
            if self.first_load:
                found.loadable(len(words), width, in_block, self.first_load)
            elif in_block:
                found.rom(len(words), width)
            else:
                table = binary(words, width)
                found.table(table, cost.logic_memory(different_columns(table), len(words)))
        if folds > 1:
            found.counters_of(fold).registers(2 * fold + out)
        if folds == 1:
            found.registers(sums)
        elif folds > 128:
            found.memory(folds, sums, "block")
        elif self.taps > 1:
            found.memory(folds, sums, "lut")
        # The last tap's first beat is told by a sum, but where it is a power of two.
        taps, lowest = self.taps - 1, (folds & -folds).bit_length()
        plain = taps & (taps - 1) == 0 and folds & (folds - 1) == 0
        return found.chains(0 if plain else beat - lowest + 2)


Op = Depthwise
