"""Requests beyond an interval: a frame rate, limits, a resource to minimise; and why a request cannot be met.

The search (`search.py`) finds the best folding within an interval and limits; this module adds FIFOs, or
refuses the request with the binding limit, what could be reached, and what that costs.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf
from operator import itemgetter
from typing import Any

import numpy as np

from xnorforge.core.errors import UserError, enumerated
from xnorforge.core.plugins import names
from xnorforge.core.progress import say
from xnorforge.core.types import Record
from xnorforge.flows.fold.fifo_sizing import depth_of, frame_latency
from xnorforge.flows.fold.options import RESOURCES, ROUNDING, SPARE, STREAM, Option, Options, Ports
from xnorforge.flows.fold.quicker import quicker
from xnorforge.flows.fold.search import NO_LIMIT, Choice, Part, cheapest, excess, fastest, first, options_of
from xnorforge.hw import boards, families
from xnorforge.hw.bind import Bound
from xnorforge.hw.boards import Board
from xnorforge.hw.fabric import BRAM36_BITS, URAM_BITS
from xnorforge.hw.memory import bytes_per_cycle
from xnorforge.hw.ops.base import HwOp

ROUTABLE = 0.85  # of the LUTs: leaves a router room; more is used only if nothing else is fast enough
ROUNDS = 6  # how often FIFOs, which come after the search, may require a smaller design
TRIES = 400  # divided by the number of operators: how often other foldings are tried to save FIFOs
MOVED = 4_000_000  # divided by the beats of all streams in a frame, likewise
QUICK = 20_000_000  # beats that are moved to size FIFOs in such a try
AVOIDED = 4  # most expensive FIFOs that are tried to be avoided at a time
LUT_BITS = 64  # that one LUT can store
HASTE = 0.03, 0.1, 0.3  # of the cost of all FIFOs: what one that takes the whole interval seems to cost
_NO_MORE = np.zeros(len(RESOURCES))
FEW = 4  # levels between registers into which the handshake of one operator fits, but not that of two


@dataclass(frozen=True)
class Aim:
    """The request.

    Attributes:
        interval: cycles per frame that no operator may exceed; with `fps` "max", where the search begins.
        fps: "max": the smallest interval within the limits; else "".
        limits: {"lut", "bram", "dsp": "60%" of the part or a number in the part's own units; "latency":
            cycles, or "500us", or "25ns"}.
        spare: the resource to minimise, "lut", "bram" or "dsp"; "": minimise `Part.price`.
    """

    interval: int
    fps: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    spare: str = ""


def levels_of(board: Board) -> int:
    """Additions or comparisons that fit between two registers."""
    return int(1e3 / board.clock_mhz / families.load(board.family).level_ns)


def interval_of(fps: str, clock_mhz: float) -> int:
    """The largest interval, in cycles per frame, that reaches a frame rate at a clock.

    Raises:
        UserError: the frame rate exceeds the clock rate.
    """
    interval = int(clock_mhz * 1e6 / float(fps))
    if interval < 1:
        raise UserError(
            f"FPS: {float(fps):,.0f} frames per second exceed the board's clock of {clock_mhz:,.0f} million "
            "cycles per second; choose a lower rate."
        )
    return interval


class Search:
    """The foldings of one graph for one board.

    Args:
        bounds: operators as returned by `bind`.
        board: defines part, clock and units.
        fixed: {operator: {"simd", "pe" or a style}} given by the user; such an operator may be too slow.
        finish: inserts FIFOs after the search; its second argument is `most_beats` of `with_fifos`.
        adders: whether a matrix may become adders or take several vectors at a time.
        stream: most bits of the buses at the graph's ends; None: `STREAM`, or what an interval needs.
        firm: whether a folding that needs more than the given `stream` is refused.
        known: what earlier searches of some of these operators found out, which this one adds to.

    Attributes:
        foldings: number of foldings of all operators, memory styles not counted.
        fifos: amounts that the FIFOs of the last folding took.
    """

    def __init__(
        self, bounds: list[Bound], board: Board, fixed: dict[str, Record] | None = None,
        finish: Callable[..., list[HwOp]] = lambda ops, _most=0: ops, adders: bool = False,
        stream: int | None = None, firm: bool = True, known: dict[tuple, Options] | None = None,
    ):  # fmt: skip
        self.board, self.finish = board, finish
        self.part: Part = Part.of(board.capacity)
        ends = {name for one in bounds for name in one.inputs}
        ends ^= {name for one in bounds for name in one.outputs}
        firm = firm and stream is not None
        ports = Ports(frozenset(ends), stream or STREAM, firm)
        self.options = options_of(bounds, fixed or {}, adders, ports, known)
        self._wider = partial(Search, bounds, board, fixed, finish, adders, stream, False) if firm else None
        self.fastest, self.slowest_name = fastest(self.options)
        self.foldings: int = sum(len(one.foldings) for one in self.options)
        self.levels: int = levels_of(board)
        self.fifos: dict[str, float] = {}
        self.counted: dict[tuple, np.ndarray] = {}  # {`_made_of` an operator: counted less estimated amounts}

    def limits(self, asked: dict[str, str], of_lut: float = 1) -> dict[str, float]:
        """The limit of each of `RESOURCES`, in units of the capacities, by default the part's
        capacity, and at most `of_lut` of its LUTs; and of "latency", in cycles."""
        found = {name: float(self.board.capacity.get(name, 0)) for name in RESOURCES}
        latency = asked.get("latency", "inf")  # "51840" cycles, "518.4us" or "25ns"
        unit = {"us": 1.0, "ns": 1e-3}.get(latency[-2:])
        found["latency"] = float(latency[:-2]) * unit * self.board.clock_mhz if unit else float(latency)
        routable = of_lut * found["lut"]
        for word, text in asked.items():
            if word == "latency":
                continue
            name = SPARE[word]
            if text.endswith("%"):
                found[name] *= float(text[:-1]) / 100
            else:
                found[name] = min(found[name], float(text) / self._units()[name][1])
        return found | {"lut": min(found["lut"], routable)}

    def intervals(self) -> list[int]:
        """All intervals that some folding has and for which no operator is too slow, ascending."""
        cycles = {cycles for some in self.options for cycles in some.cycles}
        return sorted({self.fastest} | {one for one in cycles if one >= self.fastest})

    def chosen(self, aim: Aim) -> list[HwOp]:
        """The operators, width converters and FIFOs in order.

        Raises:
            UserError: no folding meets the request; the text says which limit binds and what is possible.
        """
        found = self.meeting(aim)
        if found is None:
            raise self.refusal(aim)
        return found

    def meeting(self, aim: Aim, reserve: dict[str, float] | None = None) -> list[HwOp] | None:
        """As `chosen`, but None if no folding meets the request; `reserve` as of `within`."""
        limits, roomy = self.limits(aim.limits), self.limits(aim.limits, ROUTABLE)
        if aim.fps != "max" and self.fastest > aim.interval and self.slowest_name:
            return None
        if reserve is not None:
            for unused in (limits["lut"] - roomy["lut"], 0):
                more = reserve | {"lut": reserve.get("lut", 0) + unused}
                found = self.within(aim.interval, limits, aim.spare, more)
                if found or self.fifos:  # sized once
                    return found
            return None
        for most in [limits] if roomy == limits else [roomy, limits]:
            if aim.fps == "max":
                near = self._bisect(self.intervals(), most, aim.spare)
                found = near and near[1]
            else:
                found = self.within(aim.interval, most, aim.spare)
            if found:
                return found
        return None

    def best_counted(
        self, aim: Aim, most: int, count: Callable[[list[HwOp]], list[Record]]
    ) -> list[HwOp] | None:
        """As `meeting`, by counts in place of estimates: for each operator of a folding its `most` best
        alternatives with the same streams are counted, and the folding is searched again, until it has no
        operator or alternative that is not counted; at most `ROUNDS` times."""
        found: list[tuple[float, list[HwOp]]] = []
        while len(found) < ROUNDS and (ops := self.meeting(aim)):
            every = {_made_of(op): op for op in [*ops, *self._alternatives(ops, aim, most)]}
            new = [op for made, op in every.items() if made not in self.counted]
            for op, its in zip(new, count(new)):
                more = [its.get(name, 0) - amount for name, amount in amounts_of([op]).items()]
                self.counted[_made_of(op)] = np.array(more)
            found.append((self._cost(self.amounts(ops), aim.spare), ops))
            if not new:
                break
            say(f"fold        Yosys counted {len(new):,} operators: {self.text(self.amounts(ops))}")
        return min(found, key=itemgetter(0))[1] if found else None

    def _alternatives(self, ops: list[HwOp], aim: Aim, most: int) -> Iterator[HwOp]:
        """Per operator of a folding the best ones by estimate with the same streams."""
        price, slowest = self.part.price(aim.spare).weights[-1], max(op.cycles() for op in ops)
        made = {_made_of(op) for op in ops}
        for options in self.options:
            some = [one for one in options.within(slowest) if not one.exactly]
            if now := next((one for one in some if _made_of(one.op) in made), None):
                alike = [one for one in some if one.lanes == now.lanes]
                yield from (one.op for one in sorted(alike, key=lambda one: price @ one.amounts)[:most])

    def amounts(self, ops: list[HwOp]) -> dict[str, float]:
        """Resources of operators, as counted where they are, else by their cost models."""
        more = sum((self.counted.get(_made_of(op), _NO_MORE) for op in ops if self.counted), _NO_MORE)
        return {name: amount + its for its, (name, amount) in zip(more, amounts_of(ops).items())}

    def possible(self, aim: Aim, reserve: dict[str, float]) -> bool:
        """Whether a folding without FIFOs meets the request and leaves so much, and room to route."""
        limits = self.limits(aim.limits, ROUTABLE)
        most = {name: most - reserve.get(name, 0) for name, most in limits.items()}
        return self.fastest <= aim.interval and self.cheapest(aim.interval, most, aim.spare) is not None

    def lacks_block_ram(self, aim: Aim) -> bool:
        """Whether a folding would meet the request if block RAM had no limit."""
        limits = self.limits(aim.limits) | {"bram36": inf}
        return self.fastest <= aim.interval and self.cheapest(aim.interval, limits, aim.spare) is not None

    def refusal(self, aim: Aim) -> UserError:
        """Why no folding meets the request, and what is possible."""
        limits = self.limits(aim.limits)
        if self._wider and (ops := self._wider().meeting(aim)):
            bits = max(ops[0].in_stream().axis_bits, ops[-1].out_stream().axis_bits)
            return UserError(
                f"STREAM={self.options[0].ports.most}: too narrow for {self.rate(aim.interval)}; use "
                f"STREAM={bits}, or a longer interval."
            )
        if aim.fps == "max":
            return UserError(
                f"{self.board.name}: no folding fits into {self.text(limits)}; "
                f"the smallest one {self._least()}; raise the limit or pick another board."
            )
        if self.fastest > aim.interval and self.slowest_name:
            return self._too_fast(aim.interval, limits, aim.spare)
        return self._too_small(aim.interval, limits, aim.spare)

    def refusal_with(self, aim: Aim, gb_per_s: float, bounds: list[Bound]) -> UserError:
        """Why no folding of operators, some of which read their weights from a memory, meets the request."""
        limits = self.limits(aim.limits)
        found = self.cheapest(aim.interval, limits | {"bram36": inf}, "bram")
        found = found or self.cheapest(aim.interval, NO_LIMIT)
        assert found is not None, "a slower operator is refused without a memory"
        needs = {name: amount + self.fifos.get(name, 0) for name, amount in found.amounts.items()}
        names = [one.name for one in bounds if "weights" in one.arrays]
        outside = [one.name for one in bounds if one.attributes.get("outside")]
        inside = enumerated([name for name in names if name not in outside])
        room = aim.interval * bytes_per_cycle(gb_per_s, self.board.clock_mhz)
        return UserError(
            f"{self.board.name}: cannot reach {self.rate(aim.interval)} with {self.text(limits)}: a "
            f"memory of {gb_per_s:g} GB/s gives {room:,.0f} bytes in these cycles, for the weights of "
            f"{enumerated(outside)}, and with those of {inside} inside, for which too few bytes are "
            f"left or which save nothing, the design needs at least {self.text(needs)} "
            f"{'with' if self.fifos else 'without'} FIFOs; request fewer frames per second, or pick "
            "another board."
        )

    def within(
        self, interval: int, limits: dict[str, float], spare: str = "",
        reserve: dict[str, float] | None = None,
    ) -> list[HwOp] | None:  # fmt: skip
        """The best folding within an interval and limits, FIFOs included, or None. With a
        `reserve`, what FIFOs are known to take, that is left to them, and they are sized once."""
        most = {name: most - (reserve or {}).get(name, 0) for name, most in limits.items()}
        for _ in range(ROUNDS if reserve is None else 1):
            choice = self.cheapest(interval, most, spare)
            if choice is None:
                return None
            choice, latency = self._quicker(choice, most, spare)
            if latency > most["latency"]:
                return None
            ops = self._finished(choice, interval, most, spare)
            taken = self.amounts(ops)
            self.fifos = {name: taken[name] - choice.amounts[name] for name in RESOURCES}
            # FIFOs were added meanwhile.
            late = max(0.0, frame_latency(ops) - limits["latency"]) if limits["latency"] < inf else 0.0
            over = excess(taken, limits)
            if not over and not late:
                return ops
            late = most["latency"] - late
            most = {name: most[name] - over.get(name, 0) for name in RESOURCES} | {"latency": late}
        return None

    def _quicker(self, choice: Choice, limits: dict[str, float], spare: str) -> tuple[Choice, float]:
        return quicker(choice, self.options, limits, lambda one: self._cost(one.amounts, spare), self.levels)

    def cheapest(
        self, interval: int, limits: dict[str, float], spare: str = "", **more: Any
    ) -> Choice | None:
        """The best folding within an interval and limits, without FIFOs; `more` as of `search.cheapest`."""
        price, extra = self.part.price(spare), more.get("extra")

        def corrected(place: int, one: Option) -> float:
            differs = price.weights[-1] @ self.counted.get(_made_of(one.op), _NO_MORE)
            return float(differs) + (extra(place, one) if extra else 0.0)

        more |= {"extra": corrected} if self.counted else {}
        return cheapest(self.options, interval, price, limits, **more)

    def _cost(self, amounts: dict[str, float], spare: str) -> float:
        return self.part.price(spare).of(amounts)

    def _finished(self, choice: Choice, interval: int, limits: dict[str, float], spare: str) -> list[HwOp]:
        """The operators of a choice with their FIFOs. If these cost something, faster operators are tried,
        and, of the dearest FIFOs, if the reader has cycles to spare, or the writer other beats."""
        first, ops = choice, self.finish(choice.operators())
        cost = self._cost(self.amounts(ops), spare)
        seen = {first.options}
        tries = min(TRIES // len(ops), MOVED // sum(op.in_stream().beats for op in ops))

        def better(extra: Callable[[int, Option], float]) -> bool:
            nonlocal choice, ops, cost, tries
            if tries <= 0:
                return False
            tries -= 1

            def sure(place: int, one: Option) -> float:
                return inf if one.exactly else extra(place, one)

            other = self.cheapest(interval, limits, spare, extra=sure)
            if other is None or other.options in seen or self._cost(other.amounts, spare) >= cost:
                return False
            seen.add(other.options)
            found = self.finish(other.operators(), QUICK)
            its = self._cost(self.amounts(found), spare)
            if its >= cost - ROUNDING * cost:
                return False
            choice, ops, cost = other, found, its
            return True

        of_fifos = cost - self._cost(choice.amounts, spare)
        if limits["latency"] < inf or of_fifos <= 0:
            return ops
        for part in HASTE:
            better(lambda _, one, each=part * of_fifos / interval: each * one.cycles)
        while any(better(extra) for extra in self._without_fifos(choice, ops, spare)):
            pass
        return ops if choice is first else self.finish(choice.operators())

    def _without_fifos(
        self, choice: Choice, ops: list[HwOp], spare: str
    ) -> Iterator[Callable[[int, Option], float]]:
        """What is asked of options so that a FIFO may not be needed, the most expensive FIFOs first."""
        places = {option.op.name: place for place, option in enumerate(choice.options)}
        after = {tensor: op for op in ops for tensor in op.sources}
        before = {tensor: op for op in ops for tensor in op.results}
        passing = {tensor for tensor in before.keys() & after.keys() if before[tensor].ready_through}
        fifos = [  # without the skid buffers between operators that pass ready on, which the search knows
            op
            for op in ops
            if depth_of(op) and not (op.sources[0] in passing and after[op.results[0]].ready_through)
        ]
        for fifo in sorted(fifos, key=lambda op: -self._cost(amounts_of([op]), spare))[:AVOIDED]:
            reader, source = after.get(fifo.results[0]), before.get(fifo.sources[0])
            while reader is not None and reader.name not in places:
                reader = after.get(reader.results[0])
            while source is not None and source.name not in places:
                source = before.get(source.sources[0])
            if reader is not None:
                place = places[reader.name]
                yield _without(place, lambda one, now=choice.options[place]: one.cycles >= now.cycles)
            if source is not None:
                place = places[source.name]
                yield _without(place, lambda one, now=choice.options[place]: one.lanes == now.lanes)

    def faster(self, ops: list[HwOp], aim: Aim) -> list[Record]:
        """What fewer cycles per frame than those of a folding cost: the next interval, and that of twice as
        many frames. FIFOs, whose depths take long to find, count as they are.

        Returns:
            Rows {"interval", "lut", "bram36", "dsp", "fits"} by the cost models, each faster than the one
            before; `fits`: within the limits of the request.
        """
        bound, now, limits = max(op.cycles() for op in ops), amounts_of(ops), self.limits(aim.limits)
        rows = list[dict]()
        if (base := self.cheapest(bound, NO_LIMIT, aim.spare)) is None:
            return rows  # other operators, such as a state of fewer registers, took the place of these
        for most in (bound - 1, bound // 2):
            interval = max((one for one in self.intervals() if one <= most), default=bound)
            if interval >= bound:
                continue
            with suppress(UserError):  # no converter joins what is that fast
                choice = self.cheapest(interval, limits, aim.spare)
                choice = choice or self.cheapest(interval, NO_LIMIT, aim.spare)
                if choice and choice.interval < bound:
                    bound = choice.interval
                    cost = {name: now[name] + choice.amounts[name] - base.amounts[name] for name in RESOURCES}
                    figures = {name: round(amount, 1) for name, amount in cost.items()}
                    rows.append({"interval": bound, **figures, "fits": not excess(cost, limits)})
        return rows

    def _bisect(self, intervals, limits, spare) -> tuple[int, list[HwOp]] | None:
        """The smallest of ascending intervals that has a folding within the limits, and that folding."""

        def attempt(place: int) -> tuple[int, list[HwOp]] | None:
            ops = self.within(intervals[place], limits, spare)
            return (intervals[place], ops) if ops else None

        return first(len(intervals), attempt)

    def _too_fast(self, interval: int, limits: dict[str, float], spare: str) -> UserError:
        near = self._bisect(self.intervals(), limits, spare)
        cost = f", for which the design needs {self.text(amounts_of(near[1]))}" if near else ""
        reached = near[0] if near else self.fastest
        return UserError(
            f"{self.slowest_name}: cannot reach {self.rate(interval)}, because it needs {self.fastest:,} "
            f"cycles at its widest folding; request {self.rate(reached)}{cost}."
        )

    def _too_small(self, interval: int, limits: dict[str, float], spare: str) -> UserError:
        least = self._least_latency(interval, limits, spare)
        if least:
            return UserError(
                f"{self.board.name}: at {self.rate(interval)} with {self.text(limits)}, a frame takes "
                f"{least:,} cycles or more from its first beat to its last, above the requested "
                f"{limits['latency']:,.0f}; allow a latency of {least:,}, a shorter interval or more area."
            )
        near = self._bisect([one for one in self.intervals() if one > interval], limits, spare)
        advice = "no slower folding fits; raise the limit or pick another board"
        if near:
            advice = f"request {self.rate(near[0])}, for which it needs {self.text(amounts_of(near[1]))}"
        return UserError(
            f"{self.board.name}: cannot reach {self.rate(interval)} with {self.text(limits)}: "
            f"{self.binding(interval, limits)}; {advice}."
        )

    def _least_latency(self, interval: int, limits: dict[str, float], spare: str) -> float:
        """The smallest latency found; 0 if the latency is not the binding limit."""
        found = self.cheapest(interval, limits, spare) if limits["latency"] < inf else None
        if found is None:
            return 0
        return self._quicker(found, {**limits, "latency": 0}, spare)[1]

    def binding(self, interval: int, limits: dict[str, float]) -> str:
        """The minimum of one resource within the limit of the other, by the cost model."""
        said = []
        for name, other, spare in (("lut", "bram36", "lut"), ("bram36", "lut", "bram")):
            found = self.cheapest(interval, {**limits, name: NO_LIMIT[name]}, spare)
            if found:
                ops = self.finish(found.operators())
                kept, least = self.text({other: limits[other]}), self.text({name: amounts_of(ops)[name]})
                said.append(f"with {kept} it needs at least {least}")
        return ", ".join(said) or f"the smallest folding {self._least(interval)}"

    def _least(self, interval: int | None = None) -> str:
        found = self.cheapest(interval or self.intervals()[-1], NO_LIMIT)
        assert found is not None, "the fastest folding is within any interval that is looked at"
        return f"takes {self.text(found.amounts)}"

    def rate(self, interval: int) -> str:
        """An interval in words."""
        fps = self.board.clock_mhz * 1e6 / interval
        return f"{interval:,} cycles per frame ({fps:,.0f} frames per second)"

    def text(self, amounts: dict[str, float]) -> str:
        """Amounts of LUT, rounded up, BRAM36 and what else the part has fewer of, in the family's units."""
        units, said, has = self._units(), [], self.board.capacity
        for name in RESOURCES:
            if name in amounts and (name in ("lut", "bram36") or has.get(name, 0) < amounts[name] < inf):
                count = ceil(amounts[name]) if name == "lut" else amounts[name] * units[name][1]
                said.append(f"{f'{count:,.1f}'.removesuffix('.0')} {units[name][0]}")
        return enumerated(said)

    def _units(self) -> dict[str, tuple[str, int]]:
        return families.load(self.board.family).units


def _made_of(op: HwOp) -> tuple:
    """What tells an operator of a folding from others: all its settings but `of_family`'s."""
    own = (one.SerializeToString() for one in op.onnx_node.attribute if one.name != "rom_rows")
    return op.name, type(op), frozenset(own)


def _without(place: int, alike: Callable[[Option], bool]) -> Callable[[int, Option], float]:
    """Forbids options at a place."""
    return lambda at, one: inf if at == place and alike(one) else 0.0


def check_storable(bounds: list[Bound], board: Board) -> None:
    """Refuse at once a network whose weights alone do not fit: what is left of them after compression is more
    than all block RAM and all LUTs of the part can store.

    Raises:
        UserError: they do not fit; the text says what could help.
    """
    inside = (one for one in bounds if "weights" in one.arrays and not one.attributes.get("outside"))
    weights = {one.name: np.asarray(one.arrays["weights"]) for one in inside}
    loaded = any(one.attributes.get("loadable") for one in bounds)
    room = _stored(board, loaded)
    bits = {name: _bits(values) * values.size for name, values in weights.items()}
    if sum(bits.values()) <= room:
        return
    left = 0
    for values in weights.values():
        left += min(8 * len(zlib.compress(data, 1)) for data in map(_packed, (values, values.T)))
        if left > room:
            break
    else:
        return
    largest = max(bits, key=lambda name: bits[name])
    larger = []
    for one in map(boards.load, names("hw.boards")):
        if _stored(one, True) >= sum(bits.values()):
            within = loaded or _stored(one, False) >= sum(bits.values())
            larger.append(one.name if within else f"{one.name} with LOADABLE=1")
    other = f"a larger board ({', '.join(larger)})" if larger else "a larger board than any here"
    raise UserError(
        f"{board.name}: the weights have {sum(bits.values()) / 1e6:,.1f} Mbit, but block RAM and LUTs "
        f"together store at most {room / 1e6:,.1f} Mbit; use {other}, or fewer channels: {largest} alone has "
        f"{bits[largest] / 1e6:,.1f} Mbit."
    )


def _stored(board: Board, loaded: bool) -> int:
    """Bits that a part's block RAM and LUTs can store at most, and its UltraRAM where a host fills it."""
    ultra = loaded * board.capacity.get("uram", 0) * URAM_BITS
    return int(board.capacity["bram36"] * BRAM36_BITS + board.capacity["lut"] * LUT_BITS + ultra)


def _bits(values: np.ndarray) -> int:
    """Bits that tell the values of a weight apart."""
    return int(values.max() - values.min()).bit_length()


def _packed(values: np.ndarray) -> bytes:
    """All weights, those of a bit eight to a byte."""
    above = values - values.min()
    if _bits(values) <= 1:
        return np.packbits(above.astype(bool)).tobytes()
    return above.astype(np.min_scalar_type(int(above.max()))).tobytes()


def amounts_of(ops: list[HwOp]) -> dict[str, float]:
    """Resources of operators by their cost models."""
    found = [op.estimate() for op in ops]
    return {name: float(sum(one.get(name, 0) for one in found)) for name in RESOURCES}
