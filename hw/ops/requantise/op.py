"""Rounding down to evenly spaced levels, of a PReLU where there is one: shifts instead of comparisons."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import width_of
from xnorforge.hw.ops._per_channel import MOST_INSIDE, PerChannel, cut_parts, table_parts
from xnorforge.hw.ops._streams import value_range
from xnorforge.hw.ops.base import LOADABLE, Memories, Rtl, Stream, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import binary, different_columns

SLOPE_BITS = 3  # slopes are multiples of 2**-SLOPE_BITS
NO_SLOPES, SHIFTS, SUMS = range(3)  # how the module multiplies by the slopes


def bent(u: np.ndarray, slope: np.ndarray, shift: int) -> np.ndarray:
    """floor(PReLU(u) / 2**shift) of integers u (…, C), with slopes in eighths (C,) below 0."""
    return np.where(u < 0, u * slope, u << SLOPE_BITS) >> shift + SLOPE_BITS


class Requantise(PerChannel):
    """Quantise integers to levels whose thresholds are spaced by 2**shift.

        u = direction[c] * x[…, c] - offset[c]
        y[…, c] = zero + floor(u / 2**shift), less 1 at a tie                     without slopes
        y[…, c] = zero + floor((slope[c] / 8 if u < 0 else 1) * u / 2**shift)     with slopes

    clipped to 0 .. levels. Shapes: integers (…, C) to levels (…, C). A tie is u = q * 2**shift with q odd
    where ties[c] is 1, even where it is 2; with 0 there is none. Rounding half to even makes such ties.
    `slope` (C,) is 0 .. 8, a PReLU; no ties beside slopes. `offset` (C,) holds any integers, `ties` (C,) is 0
    by default and `direction` (C,) of +1 and -1 is +1 by default. `shift` is 1 .. 255, with slopes from 0 on,
    `levels` 1 .. 65,535, `zero` 0 .. levels.

    Rate: one beat of `pe` channels per cycle. Latency: 2 cycles, with slopes 3.

    Cost: one subtraction per lane, however many levels there are; for slopes 1/8, 1/4, 1/2 and 1 one LUT per
    lane and bit, for others two sums per lane. The constants are a table in LUTs.
    """

    module = "xf_requantise"
    arrays: tuple[str, ...] = ("offset", "ties", "direction", "slope")

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        numbers = {"shift": ("i", True, 0), "levels": ("i", True, 0), "zero": ("i", False, 0)}
        return super().get_nodeattr_types() | numbers | LOADABLE

    @property
    def loads(self) -> tuple[str, ...]:
        """The table."""
        return ("TableFile",)

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, ties, directions and slopes, integers (C,).

        Raises:
            UserError: they are not one per channel, or out of range; shift, levels or zero are out of range.
        """
        shift, levels, zero = map(self.get_nodeattr, ("shift", "levels", "zero"))
        slopes = "slope" in self.arrays_of
        if not (not slopes) <= shift < 256 or not 1 <= levels < 2**16 or not 0 <= zero <= levels:
            raise UserError(
                f"{self.name}: shift={shift}, levels={levels}, zero={zero}: one is out of range; use shift "
                f"{0 if slopes else 1} .. 255, levels 1 .. 65,535 and zero 0 .. levels."
            )
        known = (0,) if slopes else (0, 1, 2)
        offset, ties, direction, slope = self.constants(
            {"offset": (0, None), "ties": (0, known), "direction": (1, (-1, 1)), "slope": (8, range(9))}
        )
        return offset, ties, direction, slope

    def out_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("levels").bit_length(), False)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        offset, ties, direction, slope = self.tables()
        u, shift = self.taken(context) * direction - offset, self.get_nodeattr("shift")
        q = bent(u, slope, shift) if self.slopes() else u >> shift
        tie = (u == q << shift) & (ties > 0) & (q % 2 == ties % 2)
        level = np.clip(q - tie + self.get_nodeattr("zero"), 0, self.get_nodeattr("levels"))
        context[self.onnx_node.output[0]] = level.astype(np.float32)

    def latency(self) -> int:
        """Subtraction; slope, if there are any; shift, tie and range."""
        return 3 if self.slopes() else 2

    def sum_bits(self) -> int:
        """Bits of u, two's complement."""
        source, (offset, _, direction, _) = self.in_stream(), self.tables()
        low, high = value_range(source.bits, source.signed)
        ends = [end * direction.astype(object) - offset for end in (low, high)]
        return max(width_of(np.array(ends, object)), self.get_nodeattr("shift") + 1)

    def slopes(self) -> int:
        """`NO_SLOPES`, `SHIFTS` where every slope is a power of two, or `SUMS`."""
        if "slope" not in self.arrays_of:
            return NO_SLOPES
        return SHIFTS if np.isin(self.tables()[3], (1, 2, 4, 8)).all() else SUMS

    def rtl(self) -> Rtl:
        source = self.in_stream()
        return self.module, {
            "Folds": source.shape[-1] // source.lanes, "Pe": source.lanes, "InBits": source.bits,
            "Signed": source.signed, "SumBits": self.sum_bits(), "Shift": self.get_nodeattr("shift"),
            "Levels": self.get_nodeattr("levels"), "Zero": self.get_nodeattr("zero"), "Slopes": self.slopes(),
        }  # fmt: skip

    def memories(self) -> Memories:
        """A word per fold: lane after lane -offset (less 1 where the direction is -1), direction -1, and tie
        at even, tie at odd; or the places to shift below 0; or the slope.
        """
        source, bits, (offset, ties, direction, slope) = self.in_stream(), self.sum_bits(), self.tables()
        lanes, negative = source.lanes, direction < 0
        kind = self.slopes()
        last = (ties == 2) + 2 * (ties == 1) if kind == NO_SLOPES else slope
        if kind == SHIFTS:
            last = SLOPE_BITS - np.log2(slope).astype(np.int64)
        # -x is the inverse of x, plus 1.
        words = (-offset.astype(object) + negative) % 2**bits | (negative + 2 * last).astype(object) << bits
        width, folds = bits + (5 if kind == SUMS else 3), words.reshape(-1, lanes).tolist()
        return {"TableFile": (lanes * width, [sum(w << width * p for p, w in enumerate(f)) for f in folds])}

    def parts(self) -> Parts:
        """A sum whose lowest bits are kept where a tie or a slope needs them. Of a table that is a module of
        its own, Yosys knows none of its words.
        """
        source, sink, bits, kind = self.in_stream(), self.out_stream(), self.sum_bits(), self.slopes()
        lanes, shift, (width, words) = source.lanes, self.get_nodeattr("shift"), self.memories()["TableFile"]
        above, table = bits - shift, binary(words, width).reshape(len(words), lanes, -1)
        inside = len(words) <= MOST_INSIDE
        set_once = np.asarray(table.any(0)) | (not inside)
        last = different_columns(table[:, :, bits + 1 :].reshape(len(words), -1))
        found = table_parts((table if kind else table[:, :, :bits]).reshape(len(words), -1)).spare(sink.width)
        found.add(cut_parts(lanes, above, sink.bits))
        found.gates(adder_bits=sum(bits - row.argmax() for row in set_once[:, :bits] if row.any()))
        found.registers(self.latency() + sink.width)
        if kind == NO_SLOPES:
            even, either = int(set_once[:, bits + 1].sum()), int(set_once[:, bits + 1 :].any(1).sum())
            found.registers(lanes * above + either * shift + (last if inside else 2 * lanes))
            found.chains(bits, count=lanes).chains(above, count=even)
            found.compared[above, True] += lanes
            return found.gates(ties=either, tie_bits=either * shift, even_bits=even * above)
        # Of what is shifted, the bits below a level are not kept.
        found.registers(lanes * (above + (above if kind == SHIFTS else bits)) + last)
        found.chains(bits, count=int(set_once[:, :bits].any(1).sum()))
        # Of a signed number cut to fewer bits, the highest bits say whether it is outside.
        even = self.get_nodeattr("levels") + 1 == 2 * self.get_nodeattr("zero")
        found.compared[max(0, above - sink.bits + 1 if even else above), True] += lanes
        if kind == SHIFTS:
            return found.gates(shifted_bits=lanes * above)
        found.chains(bits + 2, count=lanes)
        return found.gates(slope_bits=lanes * (above + 0.5 * shift + 2))


def evenly(thresholds: np.ndarray) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Shift, offsets and ties of thresholds (C, steps), steps >= 3, or None where they do not lie at even
    distances.

    Threshold k, from 1, is offset + k * 2**shift, and 1 more for the k at which a tie goes down.
    """
    distance = int(thresholds[0, 2] - thresholds[0, 0]) // 2
    if distance < 2 or distance & (distance - 1):
        return None
    steps = np.arange(1, thresholds.shape[1] + 1)
    rest = thresholds - steps * distance
    offset = rest.min(1)
    over = rest - offset[:, None]
    for ties, which in ((0, steps < 0), (1, steps % 2 == 1), (2, steps % 2 == 0)):
        over[(over == which).all(1)] = -1 - ties
    if (over >= 0).any():
        return None
    return distance.bit_length() - 1, offset, -1 - over[:, 0]


Op = Requantise
