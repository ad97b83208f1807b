"""Channel interaction of CI-BCNN: sums that shift each other before they meet their thresholds."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.per_channel import PerChannel
from xnorforge.hw.streams import value_range
from xnorforge.hw.timing import Buffer, Stop, Timing, Work

from . import cost, text
from .plan import Plan, cuts, plan


class Interact(PerChannel):
    """Shift every sum by a step function of the other sums of its group; give results or bits of a threshold.

        p'[s] = p[s] + Σ over edges t -> s of sgn(K) * unit * (n - (|K| - 1) / 2)
        n = number of j in 1 .. |K| - 1 with p[t] * |K| > extent * (2 * j - |K|),  K = influence[group, t, s]

    Shapes: integers (…, C) to integers or bits (…, C). With matches=1 the input x counts matches (unsigned)
    and p = 2 * x - n0, else p = x (signed). `extent` is 1 .. n0, or 0 for n0. `influence` (groups, g, g) with
    groups * g = C holds odd numbers, or 0 where there is no edge; the channels of a group are neighbours.
    `thresholds` (C,) and `direction` (C,) of +1 and -1 are optional: with thresholds the output is the bit
    direction * p' >= threshold, else p', signed. It holds for every input of `in_bits` bits, also beyond n0.

    Rate: one beat of `pe` channels per cycle. Latency: the beats of a group + 2 cycles.

    Cost: the comparisons of a channel are shared by all channels it influences; `form` builds a step as a
    lookup "table", an "adder", or the smaller one per lane ("auto"). One group of sums waits in LUT RAM."""

    module = "xf_interact"
    arrays: tuple[str, ...] = ("influence", "thresholds", "direction")

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        given = super().get_nodeattr_types()
        del given["in_signed"]  # `matches` says it
        return given | node_attributes(matches=1, n0=int, unit=int, extent=0, form=("auto", "adder", "table"))

    @property
    def raw(self) -> bool:
        """Whether p~ leaves as a number; else as a bit."""
        return len(self.onnx_node.input) < 3

    def tables(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Influence (groups, g, g), thresholds (C,) or None, and directions (C,), int64.

        Raises:
            UserError: they do not fit the channels or the input, an influence is even or a direction neither
                1 nor -1.
        """
        channels = self.get_nodeattr("in_shape")[-1]
        n0, unit = self.get_nodeattr("n0"), self.get_nodeattr("unit")
        influence = self.integers("influence")
        if (
            influence.ndim != 3
            or influence.shape[1] != influence.shape[2]
            or np.prod(influence.shape[:2]) != channels
        ):
            raise UserError(
                f"{self.name}: influence has shape {influence.shape}, but there are {channels} channels; "
                f"use (groups, g, g) with groups * g = {channels}."
            )
        even = influence[(influence % 2 == 0) & (influence != 0)]
        if even.size:
            raise UserError(f"{self.name}: influence {even[0]} is even; use odd numbers, or 0 for no edge.")
        if n0 < 1 or unit < 1:
            raise UserError(f"{self.name}: n0={n0}, unit={unit}; both must be positive integers.")
        if not 1 <= self.extent <= n0:
            raise UserError(f"{self.name}: extent={self.extent} is not in 1 .. n0={n0}; use 0 for n0.")
        bits, counts = self.get_nodeattr("in_bits"), self.get_nodeattr("matches")
        if n0 > value_range(bits, not counts)[1]:
            raise UserError(
                f"{self.name}: in_bits={bits} cannot hold {'counts up to' if counts else 'sums of -n0 to'} "
                f"n0={n0}; use "
                f"{n0.bit_length() + (not counts)} or more."
            )
        direction = self.directions()
        if self.raw:
            return influence, None, direction
        thresholds = self.integers("thresholds")
        if not thresholds.shape == direction.shape == (channels,):
            raise UserError(
                f"{self.name}: thresholds have shape {thresholds.shape} and direction {direction.shape}, "
                f"but there are {channels} channels; use ({channels},) for both."
            )
        return influence, thresholds, direction

    def in_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("in_bits"), not self.get_nodeattr("matches"))

    def result_range(self) -> tuple[int, int]:
        """The least and the greatest p~ of any channel and input."""
        source, unit = self.in_stream(), self.get_nodeattr("unit")
        size = abs(self.tables()[0])
        reach = unit * int(np.where(size > 1, (size - 1) // 2, 0).sum(axis=1).max())
        low, high = (self.scale * end - self.offset for end in value_range(source.bits, source.signed))
        return low - reach, high + reach

    @property
    def extent(self) -> int:
        """The end of the stair: it has |K| equal parts from -extent to extent, and is flat beyond."""
        return self.get_nodeattr("extent") or self.get_nodeattr("n0")

    @property
    def scale(self) -> int:
        """What an input counts in p = scale * x - offset."""
        return 2 if self.get_nodeattr("matches") else 1

    @property
    def offset(self) -> int:
        """What is taken off in p = scale * x - offset."""
        return self.get_nodeattr("n0") if self.get_nodeattr("matches") else 0

    def out_stream(self) -> Stream:
        if not self.raw:
            return self.stream(1, False)
        low, high = self.result_range()
        return self.stream(1 + max(high, -low - 1).bit_length(), True)

    def execute_node(self, context: Tensors, _graph: object) -> None:
        self.load_constants(context.__getitem__)
        _, thresholds, direction = self.tables()
        mixed = self.mixed(self.taken(context).astype(np.int64), self.stairs())
        result = mixed if thresholds is None else direction * mixed >= thresholds
        context[self.onnx_node.output[0]] = result.astype(np.float32)

    def stairs(self) -> list[tuple[list[int], np.ndarray]]:
        """Of every |K| the cuts of its stair, and the signs of its edges, float32 (C, C), [t, s]."""
        influence = self.tables()[0]
        g, channels, found = influence.shape[1], influence.shape[0] * influence.shape[1], []
        for size in np.unique(abs(influence[abs(influence) > 1])):
            edges = np.zeros((channels, channels), np.float32)
            for at, group in zip(range(0, channels, g), influence):
                edges[at : at + g, at : at + g] = np.sign(group) * (abs(group) == size)
            found.append((self.cuts(int(size)), edges))
        return found

    def mixed(self, x: np.ndarray, stairs: list[tuple[list[int], np.ndarray]]) -> np.ndarray:
        """p' of inputs (…, C), int64: how many steps of each stair a sum passed, times the edges of that."""
        rows = x.reshape(-1, x.shape[-1])
        moved = np.zeros(rows.shape, np.float32)  # small integers: exact
        for steps, edges in stairs:
            passed = np.full(rows.shape, -(len(steps) // 2), np.float32)
            for cut in steps:
                passed += rows > cut
            moved += passed @ edges
        p = self.scale * x.astype(np.int64) - self.offset
        return p + self.get_nodeattr("unit") * moved.astype(np.int64).reshape(x.shape)

    def cuts(self, size: int) -> list[int]:
        """What an input must exceed to pass each step of a stair of |K| = `size`."""
        return cuts(size, self.extent, self.scale, self.offset)

    def plan(self) -> Plan:
        """Where every channel and edge is in the hardware."""
        source = self.in_stream()
        low, _ = value_range(source.bits, source.signed)
        influence = self.tables()[0]
        stairs = {int(size): self.cuts(int(size)) for size in np.unique(abs(influence)) if size > 1}
        return plan(influence, source.lanes, stairs, low)

    def parts(self) -> Parts:
        """Above one beat a group has a memory in place of a register; Yosys repeats the address of it."""
        source, sink, made, direction = self.in_stream(), self.out_stream(), self.plan(), self.tables()[2]
        if self.raw:
            steps, wide, last = self._addends(made), sink.bits, sink.bits - self.scale
        else:
            steps, given = self._steps(made)
            wide, last = given["StepW"], (given["StepW"] + 1) // 2
        found = cost.parts_of(made, source.bits, steps).gates(last_bits=last * made.lanes).spare(sink.width)
        if made.span > 1:
            found.memory(made.span, source.width, "lut", (made.span - 1).bit_length())
        else:
            found.registers(source.width)
        for size in (made.span, made.span, made.groups):
            found.registers((size - 1).bit_length()).chains((size - 1).bit_length())
        if self.raw:
            found.chains(wide, count=source.lanes)
        else:  # two bits a place: xf_at_least
            found.placed(source.lanes * -(-(wide + 1) // 8))
        falls = int((direction < 0).any())
        return found.registers(3 + source.width + source.lanes * (wide + falls) + sink.width)

    def timing(self) -> Timing:
        """A whole group comes, then it is given; each beat read makes room for one at once."""
        span = self.plan().span
        works = [Work(needs=span, frees=beat) for beat in range(1, span + 1)]
        return Timing(works, 2, Stop.SPARE, Buffer(span, span, free=0))

    @property
    def written(self) -> tuple[str, str]:
        source, sink, made = self.in_stream(), self.out_stream(), self.plan()
        influence, _, direction = self.tables()
        if self.raw:
            steps, given = self._addends(made), {"StepW": sink.bits, "Scale": self.scale, "Biased": 0}
        else:
            steps, given = self._steps(made)
        shell = {
            "Groups": made.groups, "Span": made.span, "Pe": source.lanes, "InBits": source.bits,
            "Signed": int(source.signed), "Raw": int(self.raw), **given, "Turns": int((direction < 0).any()),
            "OutBits": sink.bits,
        }  # fmt: skip
        turns = [[int(c is not None and direction[c] < 0) for c in lane] for lane in made.channels]
        edges = int((abs(influence) > 1).sum())
        what = f"{edges} edges among {source.shape[-1]} channels, {source.lanes} per beat"
        return text.module(what, source.width, sink.width, text.body(made, shell, steps, turns))

    def _addends(self, made: Plan) -> list[list[tuple]]:
        """What each lane adds to scale * u, over its m."""
        low, bits = value_range(self.in_stream().bits, self.in_stream().signed)[0], self.out_stream().bits
        base = self.scale * low - self.offset
        index = [f"m{lane}" if slots else "fold" for lane, slots in enumerate(made.slots)]
        words = ((base + self._moves(made, lane)).tolist() for lane in range(made.lanes))
        return [[(name, each, bits)] for name, each in zip(index, words)]

    def _moves(self, made: Plan, lane: int) -> np.ndarray:
        """What p~ - p is, for all sums m that the bits of a lane show; beyond the largest, as there."""
        m = np.minimum(np.arange(1 << made.top(lane).bit_length()), made.top(lane))
        return self.get_nodeattr("unit") * (m - made.middle(lane))

    def _steps(self, made: Plan) -> tuple[list[list[tuple]], dict[str, int]]:
        """Tables of every lane, and the parameters of their comparison."""
        source, (_, thresholds, direction), unit = self.in_stream(), self.tables(), self.get_nodeattr("unit")
        limits = np.asarray(thresholds)
        low, high = value_range(source.bits, source.signed)
        adders = [self._adder(made, lane) for lane in range(made.lanes)]
        scale = self.scale if any(adders) and unit % self.scale else 1
        rest, base, top = self.scale // scale, self.offset - self.scale * low, scale * (high - low)
        tables, ends = [], [0, top]
        for lane, adder in enumerate(adders):
            moves = self._moves(made, lane).tolist()
            first = []
            for channel in made.channels[lane]:
                # rest * scale * u + move >= bound, or <= bound; bounds out of reach stay so.
                sign, given = (1, 0) if channel is None else (int(direction[channel]), int(limits[channel]))
                reach = moves[0] - (sign < 0), rest * top + moves[-1] + (sign > 0)
                bound = int(np.clip(sign * given + base, *reach))
                needed = [sign * -(sign * (move - bound) // rest) for move in (moves[:1] if adder else moves)]
                if not adder:
                    needed = [min(max(word, -(sign < 0)), top + (sign > 0)) for word in needed]
                first += needed
            if adder:
                second = [(move - moves[0]) // rest for move in moves]
                ends += [min(first) - max(second), max(first)]
                tables.append([("fold", first), (f"m{lane}", second)])
            else:
                ends += [min(first), max(first)]
                index = f"{{fold, m{lane}}}" if made.address_bits else f"m{lane}"
                tables.append([(index if len(moves) > 1 else "fold", first)])
        biased = int(min(ends) < 0)
        wide = biased + max(max(ends), -min(ends) - 1).bit_length()
        bias = biased << (wide - 1)
        steps = [
            [(index, [word + bias for word in words], wide) if k == 0 else (index, words,
            max(words).bit_length())
             for k, (index, words) in enumerate(lane)]
            for lane in tables
        ]  # fmt: skip
        return steps, {"StepW": wide, "Scale": scale, "Biased": biased}

    def _adder(self, made: Plan, lane: int) -> bool:
        """Whether a lane's step is fold table less unit * m, rather than one table of both."""
        form, bits = self.get_nodeattr("form"), self.in_stream().bits
        if not made.slots[lane] or form == "table":
            return False
        fold, m = made.address_bits, made.top(lane).bit_length()
        per_bit = [1 << max(0, index - 6) for index in (fold + m, fold)]
        return form == "adder" or bits * per_bit[0] > bits * per_bit[1] * (fold > 2) + bits + 8


Op = Interact
