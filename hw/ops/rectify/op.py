"""PReLU and rounding down to evenly spaced levels, without a multiplier."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import width_of
from xnorforge.hw.ops._per_channel import MOST_INSIDE, PerChannel, cut_parts, table_parts
from xnorforge.hw.ops._streams import value_range
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.words import binary, different_columns

SLOPE_BITS = 3  # slopes are multiples of 2**-SLOPE_BITS


def bent(u: np.ndarray, slope: np.ndarray, shift: int) -> np.ndarray:
    """floor(PReLU(u) / 2**shift) of integers u (…, C), with slopes in eighths (C,) below 0."""
    return np.where(u < 0, u * slope, u << SLOPE_BITS) >> shift + SLOPE_BITS


class Rectify(PerChannel):
    """PReLU of integers, rounded down to levels.

        u = direction[c] * x[…, c] - offset[c]
        y[…, c] = zero + floor(u / 2**shift)                    where u >= 0
        y[…, c] = zero + floor(slope[c] / 8 * u / 2**shift)     elsewhere; clipped to 0 .. levels

    Shapes: integers (…, C) to levels (…, C). `slope` (C,) is 0 .. 8; `offset` (C,) holds any integers, and
    `direction` (C,) of +1 and -1 is +1 by default. `shift` is 0 .. 255, `levels` 1 .. 65,535, `zero` 0 ..
    levels.

    Rate: one beat of `pe` channels per cycle. Latency: 3 cycles.

    Cost: where all slopes are 1/8, 1/4, 1/2 or 1, one LUT per lane and bit for the slope; else two sums per
    lane. Offsets and slopes are a table in LUTs.
    """

    module = "xf_rectify"
    arrays = ("offset", "slope", "direction")

    def get_nodeattr_types(self):
        numbers = dict.fromkeys(("shift", "levels", "zero"), ("i", True, 0))
        return super().get_nodeattr_types() | numbers

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, slopes and directions, integers (C,).

        Raises:
            UserError: they are not one per channel or out of range; shift, levels or zero are out of range.
        """
        shift, levels, zero = map(self.get_nodeattr, ("shift", "levels", "zero"))
        if not 0 <= shift < 256 or not 1 <= levels < 2**16 or not 0 <= zero <= levels:
            raise UserError(
                f"{self.name}: shift={shift}, levels={levels}, zero={zero}: one is out of range; use shift "
                "0 .. 255, levels 1 .. 65,535 and zero 0 .. levels."
            )
        offset, slope, direction = self.constants(
            {"offset": (1, None), "slope": (1, range(9)), "direction": (1, (-1, 1))}
        )
        return offset, slope, direction

    def out_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("levels").bit_length(), False)

    def execute_node(self, context, _graph):
        self.load_constants(context.__getitem__)
        offset, slope, direction = self.tables()
        u = self.taken(context) * direction - offset
        level = bent(u, slope, self.get_nodeattr("shift")) + self.get_nodeattr("zero")
        context[self.onnx_node.output[0]] = np.clip(level, 0, self.get_nodeattr("levels")).astype(np.float32)

    def latency(self) -> int:
        """Subtraction; slope; range."""
        return 3

    def sum_bits(self) -> int:
        """Bits of u, two's complement."""
        source, (offset, _, direction) = self.in_stream(), self.tables()
        low, high = value_range(source.bits, source.signed)
        ends = [end * direction.astype(object) - offset for end in (low, high)]
        return max(width_of(np.array(ends, object)), self.get_nodeattr("shift") + 1)

    def by_shifts(self) -> bool:
        """Whether every slope is a power of two, so that a shift takes the place of sums."""
        return bool(np.isin(self.tables()[1], (1, 2, 4, 8)).all())

    def rtl(self):
        source = self.in_stream()
        return self.module, {
            "Folds": source.shape[-1] // source.lanes, "Pe": source.lanes, "InBits": source.bits,
            "Signed": source.signed, "SumBits": self.sum_bits(), "Shift": self.get_nodeattr("shift"),
            "Levels": self.get_nodeattr("levels"), "Zero": self.get_nodeattr("zero"),
            "ByShifts": int(self.by_shifts()),
        }  # fmt: skip

    def memories(self):
        """A word per fold: lane after lane -offset (less 1 where the direction is -1), direction -1, slope;
        with `by_shifts` the places to shift in place of the slope.
        """
        source, bits, (offset, slope, direction) = self.in_stream(), self.sum_bits(), self.tables()
        lanes, negative = source.lanes, direction < 0
        if self.by_shifts():
            slope = SLOPE_BITS - np.log2(slope).astype(np.int64)
        # -x is the inverse of x, plus 1.
        words = (-offset.astype(object) + negative) % 2**bits
        words |= (negative + 2 * slope).astype(object) << bits
        width, folds = bits + (3 if self.by_shifts() else 5), words.reshape(-1, lanes).tolist()
        return {"TableFile": (lanes * width, [sum(w << width * p for p, w in enumerate(f)) for f in folds])}

    def _parts(self) -> tuple[int, np.ndarray, np.ndarray]:
        """Bits of a level before it is cut to the range, the table (folds, lanes, bits of a lane), and which
        of its bits are set in any fold.
        """
        source, (width, words) = self.in_stream(), self.memories()["TableFile"]
        table = binary(words, width).reshape(len(words), source.lanes, -1)
        set_once = np.asarray(table.any(0)) | (len(words) > MOST_INSIDE)
        return self.sum_bits() - self.get_nodeattr("shift"), table, set_once

    def parts(self):
        above, table, set_once = self._parts()
        (folds, lanes, _), bits, sink = table.shape, self.sum_bits(), self.out_stream()
        found = table_parts(table.reshape(folds, -1)).spare(sink.width)
        found.add(cut_parts(lanes, above, sink.bits))
        # Of what is shifted, the bits below a level are not kept.
        found.registers(3 + lanes * (above + (above if self.by_shifts() else bits)) + sink.width)
        found.registers(different_columns(table[:, :, bits + 1 :].reshape(folds, -1)))
        found.chains(bits, count=int(set_once[:, :bits].any(1).sum()))
        if self.by_shifts():
            found.gates(shifted_bits=lanes * above)
        else:
            found.chains(bits + 2, count=lanes)
            found.gates(slope_bits=lanes * (above + 0.5 * self.get_nodeattr("shift") + 2))
        # Of a signed number cut to fewer bits, the highest bits say whether it is outside.
        even = self.get_nodeattr("levels") + 1 == 2 * self.get_nodeattr("zero")
        found.compared[max(0, above - sink.bits + 1 if even else above), True] += lanes
        return found.gates(adder_bits=sum(bits - row.argmax() for row in set_once[:, :bits] if row.any()))


Op = Rectify
