"""Rounding down to evenly spaced levels, of a PReLU where there is one: shifts instead of comparisons."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import width_of
from xnorforge.hw.beat import LoadedBeat
from xnorforge.hw.ir.values import Value, choose, clamp
from xnorforge.hw.ops.base import LOADABLE, Stream, node_attributes
from xnorforge.hw.streams import value_range

SLOPE_BITS = 3  # slopes are multiples of 2**-SLOPE_BITS
NO_SLOPES, SHIFTS, SUMS = range(3)  # how the module multiplies by the slopes


class Requantise(LoadedBeat):
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
    lane and bit, for others two sums per lane. The constants are a table in LUTs."""

    what = "Evenly spaced levels of direction * x - offset, of a PReLU where it has slopes."
    arrays: tuple[str, ...] = ("offset", "ties", "direction", "slope")

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        numbers = node_attributes(shift=int, levels=int, zero=0)
        return super().get_nodeattr_types() | numbers | LOADABLE

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

    def expression(self, x: Value) -> Value:
        offset, ties, direction, slope = self.tables()
        shift, zero, falls = self.get_nodeattr("shift"), self.get_nodeattr("zero"), direction < 0
        down = self.constant("down", falls, (0, 1))
        ends = np.array([end * direction.astype(object) - offset for end in (x.lo, x.hi)], object)
        bits = max(width_of(ends), shift + 1)  # of any page of a loop
        added = self.constant("added", falls - offset.astype(object), value_range(bits, True))  # -x is ~x + 1
        u = (choose(down, ~x, x) + added).wrap(bits, True).named("u").cut()
        if self.slopes():
            q = self.bent(u, slope).named("q").cut()
        else:
            q = (u >> shift).named("q")
            odd = q.low(1)
            marks = (self.constant(name, ties == k, (0, 1)) for k, name in ((1, "odd"), (2, "even")))
            tie = choose(odd, *marks)
            q = q - (u.low(shift).equals(0) & tie)
        return clamp(q, -zero, self.get_nodeattr("levels") - zero) + zero

    def bent(self, u: Value, slope: np.ndarray) -> Value:
        """floor(PReLU(u) / 2**shift): u times its slope, in eighths, below 0."""
        shift, below = self.get_nodeattr("shift"), (u >= 0).flip().named("below")
        if self.slopes() == SHIFTS:
            places, q = SLOPE_BITS - np.log2(slope).astype(np.int64), u >> shift
            for k in (0, 1):
                by = self.constant(f"by{1 << k}", places >> k & 1, (0, 1))
                q = choose(below & by, q >> (1 << k), q)
            return q
        eighths = [self.constant(f"eighth{1 << k}", slope >> k & 1, (0, 1)) for k in range(SLOPE_BITS + 1)]
        low = choose(below & eighths[0], u, 0) + choose(below & eighths[1], u << 1, 0)
        high = choose(below.flip() | eighths[3], u << 3, choose(eighths[2], u << 2, 0))
        return low + high >> shift + SLOPE_BITS

    def slopes(self) -> int:
        """`NO_SLOPES`, `SHIFTS` where every slope is a power of two, or `SUMS`."""
        if "slope" not in self.arrays_of:
            return NO_SLOPES
        return SHIFTS if np.isin(self.tables()[3], (1, 2, 4, 8)).all() else SUMS


def evenly(thresholds: np.ndarray) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Shift, offsets and ties of thresholds (C, steps), steps >= 3, None without even distances.

    Threshold k, from 1, is offset + k * 2**shift, and 1 more for the k at which a tie goes down."""
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
