"""Quantisation to evenly spaced levels: a shift instead of comparisons."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import width_of
from xnorforge.hw.ops._per_channel import MOST_INSIDE, PerChannel, cut_parts, table_parts
from xnorforge.hw.ops._streams import value_range
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.words import binary, different_columns


class Requantise(PerChannel):
    """Quantise integers to levels whose thresholds are spaced by 2**shift.

        u = direction[c] * x[…, c] - offset[c]
        y[…, c] = floor(u / 2**shift), less 1 at a tie, clipped to 0 .. levels

    Shapes: integers (…, C) to levels (…, C). A tie is u = q * 2**shift with q odd where ties[c] is 1, even
    where it is 2; with 0 there is none. Rounding half to even makes such ties. `offset` (C,) holds any
    integers, `ties` (C,) is 0 by default and `direction` (C,) of +1 and -1 is +1 by default. `shift` is 1 ..
    255, `levels` 1 .. 65,535.

    Rate: one beat of `pe` channels per cycle. Latency: 2 cycles.

    Cost: one subtraction per lane, however many levels there are, and a table of offsets in LUTs.
    """

    module = "xf_requantise"
    arrays = ("offset", "ties", "direction")

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {"shift": ("i", True, 0), "levels": ("i", True, 0)}

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets, ties and directions, integers (C,).

        Raises:
            UserError: they are not one per channel, or name no rule; shift or levels are out of range.
        """
        shift, levels = map(self.get_nodeattr, ("shift", "levels"))
        if not 1 <= shift < 256 or not 1 <= levels < 2**16:
            raise UserError(
                f"{self.name}: shift={shift}, levels={levels}: one is out of range; use shift 1 .. 255 "
                "and levels 1 .. 65,535."
            )
        offset, ties, direction = self.constants(
            {"offset": (0, None), "ties": (0, (0, 1, 2)), "direction": (1, (-1, 1))}
        )
        return offset, ties, direction

    def out_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("levels").bit_length(), False)

    def execute_node(self, context, _graph):
        self.load_constants(context.__getitem__)
        offset, ties, direction = self.tables()
        u, shift = self.taken(context) * direction - offset, self.get_nodeattr("shift")
        q = u >> shift
        tie = (u == q << shift) & (ties > 0) & (q % 2 == ties % 2)
        context[self.onnx_node.output[0]] = np.clip(q - tie, 0, self.get_nodeattr("levels")).astype(
            np.float32
        )

    def latency(self) -> int:
        """Subtraction; shift, tie and range."""
        return 2

    def sum_bits(self) -> int:
        """Bits of u, two's complement."""
        source, (offset, _, direction) = self.in_stream(), self.tables()
        low, high = value_range(source.bits, source.signed)
        ends = [end * direction.astype(object) - offset for end in (low, high)]
        return max(width_of(np.array(ends, object)), self.get_nodeattr("shift") + 1)

    def rtl(self):
        source = self.in_stream()
        return self.module, {
            "Folds": source.shape[-1] // source.lanes, "Pe": source.lanes, "InBits": source.bits,
            "Signed": source.signed, "SumBits": self.sum_bits(), "Shift": self.get_nodeattr("shift"),
            "Levels": self.get_nodeattr("levels"),
        }  # fmt: skip

    def memories(self):
        """A word per fold: lane after lane -offset (less 1 where the direction is -1), tie at even, tie at
        odd, direction -1.
        """
        source, bits, (offset, ties, direction) = self.in_stream(), self.sum_bits(), self.tables()
        lanes, negative = source.lanes, direction < 0
        # -x is the inverse of x, plus 1.
        flags = (ties == 2) + 2 * (ties == 1) + 4 * negative
        words = (-offset.astype(object) + negative) % 2**bits | flags.astype(object) << bits
        folds = words.reshape(-1, lanes).tolist()
        return {
            "TableFile": (
                lanes * (bits + 3),
                [sum(w << (bits + 3) * p for p, w in enumerate(f)) for f in folds],
            )
        }

    def parts(self):
        """A sum whose lowest bits are kept where a tie is looked for; a tie at even takes one off. Of a table
        that is a module of its own, Yosys knows none of its words.
        """
        source, sink, bits = self.in_stream(), self.out_stream(), self.sum_bits()
        lanes, shift, (width, words) = source.lanes, self.get_nodeattr("shift"), self.memories()["TableFile"]
        above, table = bits - shift, binary(words, width).reshape(len(words), lanes, bits + 3)
        set_once = np.asarray(table.any(0)) | (len(words) > MOST_INSIDE)
        even, either = int(set_once[:, bits].sum()), int(set_once[:, bits : bits + 2].any(1).sum())
        flags = table[:, :, bits : bits + 2].reshape(len(words), -1)
        ties = different_columns(flags) if len(words) <= MOST_INSIDE else 2 * lanes
        found = table_parts(table[:, :, :bits].reshape(len(words), -1)).spare(sink.width)
        found.registers(2 + lanes * above + either * shift + ties + sink.width)
        found.chains(bits, count=lanes).chains(above, count=even).add(cut_parts(lanes, above, sink.bits))
        found.compared[above, True] += lanes
        added = sum(bits - row.argmax() for row in set_once[:, :bits] if row.any())
        return found.gates(adder_bits=added, ties=either, tie_bits=either * shift, even_bits=even * above)


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
