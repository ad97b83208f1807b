"""Clipping on one side: ReLU and similar functions before a sum."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.fabric import address_bits
from xnorforge.hw.ops._per_channel import PerChannel
from xnorforge.hw.ops._streams import value_range, wrapped
from xnorforge.hw.ops.base import Memories, Rtl, Tensors
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import binary


def clipped(x: np.ndarray, at: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """x (…, C), not below `at` (C,) where direction (C,) is +1, not above it where it is -1."""
    return np.where(direction > 0, np.maximum(x, at), np.minimum(x, at))


class Clip(PerChannel):
    """Clip integers on one side: the maximum with a bound, or the minimum in channels with direction -1.

        y[…, c] = max(mul * x[…, c], at[c])    where direction[c] is +1, else min; modulo 2**out_bits

    Shapes: integers (…, C) to integers (…, C). `at` (C,) holds any integers; `direction` (C,) of +1 and -1 is
    all +1 by default. `mul` is 1 or 2.

    Rate: one beat of `pe` channels per cycle. Latency: 1 cycle.

    Cost: one comparison with a constant per lane; the constants are a table in LUTs.
    """

    module = "xf_clip"
    arrays: tuple[str, ...] = ("at", "direction")

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | {"mul": ("i", False, 1, {1, 2})} | self.widths

    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds and directions, integers (C,) each.

        Raises:
            UserError: they are not one per channel, or a direction is not 1 or -1.
        """
        channels, direction = self.get_nodeattr("in_shape")[-1], self.directions()
        at = whole_numbers(self.arrays_of["at"])
        if at.shape != (channels,) or direction.shape != (channels,):
            raise UserError(
                f"{self.name}: at has shape {at.shape} and direction {direction.shape}, but there are "
                f"{channels} channels; use ({channels},) for both."
            )
        return at, direction

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        (at, direction), sink = self.tables(), self.out_stream()
        y = clipped(self.taken(context) * self.get_nodeattr("mul"), at, direction)
        context[self.onnx_node.output[0]] = wrapped(y, sink.bits, sink.signed)

    def latency(self) -> int:
        """One comparison."""
        return 1

    def rtl(self) -> Rtl:
        source = self.in_stream()
        return self.module, {
            "Folds": source.shape[-1] // source.lanes, "Pe": source.lanes, "InBits": source.bits,
            "Signed": source.signed, "Mul": self.get_nodeattr("mul"),
            "OutBits": self.get_nodeattr("out_bits"),
        }  # fmt: skip

    def constant(self) -> bool:
        """Whether every lane has one bound and one direction, so that there is no table."""
        at, direction = (table.reshape(-1, self.get_nodeattr("pe")) for table in self.tables())
        return bool((at == at[:1]).all() and (direction == direction[:1]).all())

    def memories(self) -> Memories:
        """Words by lane and fold, each a power of two; see the module."""
        (at, direction), source, bits = self.tables(), self.in_stream(), self.get_nodeattr("out_bits")
        at = at.astype(object)
        low, high = value_range(source.bits, source.signed)
        most = at // self.get_nodeattr("mul")
        if self.constant():  # where Mul * x may be the bound, the odd one of two has a bit less to compare
            most = np.where(at % self.get_nodeattr("mul") + most % 2, most, most - 1)
        most = np.clip(most, low - 1, high) - low + (high - low + 1)
        channels = [
            (int(x) << 1 | int(negative)) << bits | int(bound)
            for x, negative, bound in zip(most, direction < 0, at % 2**bits)
        ]
        lanes, folds = source.lanes, source.shape[-1] // source.lanes
        lane_span, fold_span = (1 << address_bits(size) for size in (lanes, folds))
        words = [0] * (lane_span * fold_span)
        for index, word in enumerate(channels):
            words[index % lanes * fold_span + index // lanes] = word
        return {"BoundFile": (source.bits + 2 + bits, words)}

    def parts(self) -> Parts:
        """Of a lane's results, bits that choose between the same two have one register."""
        source, sink, (width, words) = self.in_stream(), self.out_stream(), self.memories()["BoundFile"]
        folds, top = source.shape[-1] // source.lanes, source.bits - 1
        lanes = binary(words, width).reshape(-1, 1 << address_bits(folds), width)
        lanes = lanes[: source.lanes, : 1 << (folds - 1).bit_length()]
        given = [k + 1 - self.get_nodeattr("mul") for k in range(sink.bits)]  # bits of x, -1 where 0
        given = [min(k, top) if source.signed or 0 <= k <= top else -1 for k in given]
        pairs = [
            {(k, lane[:, at].tobytes()) for at, k in enumerate(given) if k >= 0 or lane[:, at].any()}
            for lane in lanes
        ]
        found = Parts().counters(folds).spare(sink.width).registers(1 + sum(map(len, pairs)))
        # Of a bound in the middle of the range, as 0 of numbers with a sign, the highest bit says it.
        compared = int((~lanes[:, :, sink.bits + 1 : sink.bits + source.bits].all((1, 2))).sum())
        found.compared[source.bits + 1, False] += compared
        if self.constant():
            return found.gates(constant_bits=source.lanes * source.bits)
        size = "small" if folds <= 64 else "large"  # small tables fit into the LUTs that read them
        deep = (folds - 1).bit_length() if folds <= 64 else folds
        found.gates(
            **{
                f"out bits, {size}": sink.width,
                f"out bits by words, {size}": sink.width * deep * (folds > 64),
                f"in bits, {size}": source.width,
                f"in bits by address, {size}": source.width * deep * (folds <= 64),
            }
        )
        return found.gates(inverted_lanes=source.lanes * bool((self.tables()[1] < 0).any()))


Op = Clip
