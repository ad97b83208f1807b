"""Requests beyond an interval: a frame rate, limits, a resource to minimise; and why a request cannot be met.

The search (`fronts.py`) finds all Pareto-optimal foldings within an interval and limits; this module chooses
one of them, or refuses the request with the binding limit, what could be reached, and what that costs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from math import inf

from xnorforge.core.errors import UserError
from xnorforge.flows.bind import Bound
from xnorforge.flows.fold.fifo_sizing import depth_of
from xnorforge.flows.fold.fronts import (
    NO_LIMIT,
    RESOURCES,
    ROUNDING,
    Choice,
    Joins,
    Option,
    fastest,
    front_of,
    options_of,
)
from xnorforge.flows.fold.latency import frame_latency
from xnorforge.flows.fold.quicker import faster, quicker, with_option
from xnorforge.flows.fold.search import Part, checked_folding
from xnorforge.hw import families
from xnorforge.hw.boards import Board
from xnorforge.hw.ops.base import HwOp

SPARE = {"lut": "lut", "bram": "bram36", "dsp": "dsp"}  # {name in a request: name of the capacity}
ROUTABLE = 0.85  # of the LUTs: leaves a router room; more is used only if nothing else is fast enough
ROUNDS = 6  # how often FIFOs, which come after the search, may require a smaller design
DEAR = 0.02  # of the part, all resources added: a FIFO for which a faster reader is considered instead


@dataclass(frozen=True)
class Aim:
    """The request.

    Attributes:
        interval: cycles per frame that no operator may exceed; with `fps` "max", where the search begins.
        fps: "max": the smallest interval within the limits; else "".
        limits: {"lut", "bram", "dsp": "60%" of the part or a number in the part's own units; "latency":
            cycles, or "500us"}.
        spare: the resource to minimise, "lut", "bram" or "dsp"; "": minimise the sum of the shares of the
            part.
    """

    interval: int
    fps: str = ""
    limits: dict[str, str] = field(default_factory=dict)
    spare: str = ""

    @property
    def plain(self) -> bool:
        """Whether nothing is requested beyond an interval."""
        return not (self.fps or self.limits or self.spare)


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


def cycles_of(latency: str, clock_mhz: float) -> float:
    """A latency in cycles of a clock, from "51840" cycles or "518.4us"."""
    if latency.endswith("us"):
        return float(latency.removesuffix("us")) * clock_mhz
    return float(latency)


class Search:
    """The foldings of one graph for one board.

    Args:
        bounds: operators as returned by `bind`.
        board: defines part, clock and units.
        fixed: {operator: {"simd", "pe" or a style}} given by the user; such an operator may be too slow.
        finish: inserts FIFOs between operators after the search.
        adders: whether a matrix may become adders or take several vectors at a time.
    """

    def __init__(
        self,
        bounds: list[Bound],
        board: Board,
        fixed: dict[str, dict] | None = None,
        finish: Callable[[list[HwOp]], list[HwOp]] = list,
        adders: bool = False,
    ):
        fixed = fixed or {}
        fixed = {b.name: checked_folding(b, fixed[b.name]) for b in bounds if b.name in fixed}
        self.board, self.finish, self.given = board, finish, frozenset(fixed)
        self.part = Part(*(board.capacity[name] for name in RESOURCES))
        self.options: list[list[Option]] = [
            options_of(bound, fixed.get(bound.name, {}), adders and bound.name not in fixed)
            for bound in bounds
        ]
        self.fastest, self.slowest_name = fastest(self.options, [b.name for b in bounds], self.given)

    def limits(self, asked: dict[str, str]) -> dict[str, float]:
        """The limit of each of `RESOURCES`, in the units of the capacities, by default the part's capacity;
        and of "latency", in cycles.
        """
        found = {name: float(self.board.capacity[name]) for name in RESOURCES}
        found["latency"] = cycles_of(asked.get("latency", "inf"), self.board.clock_mhz)
        for word, text in asked.items():
            if word == "latency":
                continue
            name = SPARE[word]
            if text.endswith("%"):
                found[name] *= float(text[:-1]) / 100
            else:
                found[name] = min(found[name], float(text) / self._units()[name][1])
        return found

    def intervals(self) -> list[int]:
        """All intervals that some folding has and for which no operator is too slow, ascending."""
        cycles = {option.cycles for some in self.options for option in some}
        return sorted({self.fastest} | {one for one in cycles if one >= self.fastest})

    def front(self, interval: int, limits: dict[str, float]) -> list[Choice]:
        """`front_of` these options; adders are evaluated exactly if a choice has them, or if a choice that
        has to become faster might get them.
        """
        while found := front_of(self.options, interval, limits, self.given):
            late = limits.get("latency", inf) < inf
            some = chain(*self.options) if late else chain(*(choice.options for choice in found))
            rough = {id(option): option.exactly for option in some if option.exactly}
            if not rough:
                break
            better = {key: exactly() for key, exactly in rough.items()}
            self.options = [[better.get(id(option), option) for option in some] for some in self.options]
        return found

    def chosen(self, aim: Aim) -> list[HwOp]:
        """The operators, width converters and FIFOs in order.

        Raises:
            UserError: no folding meets the request; the text says which limit binds and what is possible.
        """
        limits = self.limits(aim.limits)
        roomy = self.limits({"lut": f"{ROUTABLE:.0%}"} | aim.limits)
        tight = roomy == limits  # a limit of the LUTs was requested
        if aim.fps == "max":
            near = None if tight else self._bisect(self.intervals(), roomy, aim.spare)
            return near[1] if near else self._fastest_within(limits, aim.spare)
        if self.fastest > aim.interval and self.slowest_name:
            raise self._too_fast(aim.interval, limits, aim.spare)
        found = None if tight else self.within(aim.interval, roomy, aim.spare)
        found = found or self.within(aim.interval, limits, aim.spare)
        if found is None:
            raise self._too_small(aim.interval, limits, aim.spare)
        return found

    def within(self, interval: int, limits: dict[str, float], spare: str = "") -> list[HwOp] | None:
        """The best folding within an interval and limits, FIFOs included; None if there is none."""
        most = dict(limits)
        for _ in range(ROUNDS):
            found = self.front(interval, most)
            if not found:
                return None
            choice, latency = self._quicker(found, most, spare)
            if latency > most["latency"]:
                return None
            ops = self._finished(choice, most, spare)
            # FIFOs were added meanwhile.
            late = max(0.0, frame_latency(ops) - limits["latency"]) if limits["latency"] < inf else 0.0
            taken = amounts_of(ops)
            over = {
                name: taken[name] - limits[name]
                for name in RESOURCES
                if taken[name] > limits[name] + ROUNDING
            }
            if not over and not late:
                return ops
            most = {name: most[name] - over.get(name, 0) for name in RESOURCES} | {
                "latency": most["latency"] - late
            }
        return None

    def _finished(self, choice: Choice, limits: dict[str, float], spare: str) -> list[HwOp]:
        """The operators of a choice with their FIFOs. If an operator needs an expensive FIFO, a faster
        folding
        of that operator is used if the total is cheaper: with cycles to spare it may not need the FIFO.
        """
        ops, joins = self.finish(choice.operators()), Joins()
        for place, now in enumerate(choice.options):
            waiting = amounts_of(_fifos_before(ops, now.op.name))
            if now.op.name in self.given or self.part.utilisation(waiting) < DEAR:
                continue
            for option in faster(self.options[place], now):
                other = with_option(choice, place, option, joins)
                if other is None or any(other.amounts[n] > limits[n] + ROUNDING for n in RESOURCES):
                    continue
                found = self.finish(other.operators())
                if self._cost(amounts_of(found), spare) < self._cost(amounts_of(ops), spare):
                    choice, ops = other, found
        return ops

    def _quicker(self, found: list[Choice], limits: dict[str, float], spare: str) -> tuple[Choice, float]:
        """Starts from the cheapest choice of the front, see `quicker`."""
        choice = min(found, key=lambda choice: self.price(choice, spare))
        return quicker(choice, self.options, limits, lambda one: self.price(one, spare)[0], self.given)

    def price(self, choice: Choice, spare: str = "") -> tuple[float, float]:
        """The quantity to minimise."""
        return self._cost(choice.amounts, spare)

    def _cost(self, amounts: dict[str, float], spare: str) -> tuple[float, float]:
        share = self.part.utilisation(amounts)
        return (amounts[SPARE[spare]], share) if spare else (share, 0.0)

    def _fastest_within(self, limits: dict[str, float], spare: str) -> list[HwOp]:
        found = self._bisect(self.intervals(), limits, spare)
        if found is None:
            raise UserError(
                f"{self.board.name}: no folding fits into {self.text(limits)}; "
                f"the smallest one {self._least(limits)}; raise the limit or pick another board."
            )
        return found[1]

    def _bisect(self, intervals, limits, spare) -> tuple[int, list[HwOp]] | None:
        """The smallest of ascending intervals that has a folding within the limits, and that folding."""
        best, low, high = None, 0, len(intervals) - 1
        while low <= high:
            middle = (low + high) // 2
            ops = self.within(intervals[middle], limits, spare)
            if ops is None:
                low = middle + 1
            else:
                best, high = (intervals[middle], ops), middle - 1
        return best

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
        slower = [one for one in self.intervals() if one > interval]
        near = self._bisect(slower, limits, spare)
        advice = "no slower folding fits; raise the limit or pick another board"
        if near:
            advice = f"request {self.rate(near[0])}, for which it needs {self.text(amounts_of(near[1]))}"
        return UserError(
            f"{self.board.name}: cannot reach {self.rate(interval)} with {self.text(limits)}: "
            f"{self._binding(interval, limits)}; {advice}."
        )

    def _least_latency(self, interval: int, limits: dict[str, float], spare: str) -> float:
        """The smallest latency found; 0 if the latency is not the binding limit."""
        found = self.front(interval, limits) if limits["latency"] < inf else []
        return self._quicker(found, {**limits, "latency": 0}, spare)[1] if found else 0

    def _binding(self, interval: int, limits: dict[str, float]) -> str:
        """The minimum of one resource within the limit of the other, by the cost model."""
        said = []
        for name, other in (("lut", "bram36"), ("bram36", "lut")):
            found = self.front(interval, {**limits, name: NO_LIMIT[name]})
            if found:
                choices = {choice.amounts[name]: choice for choice in found}
                ops = self.finish(choices[min(choices)].operators())
                kept, least = self.text({other: limits[other]}), self.text({name: amounts_of(ops)[name]})
                said.append(f"with {kept} it needs at least {least}")
        return ", ".join(said) or f"the smallest folding {self._least(limits, interval)}"

    def _least(self, limits: dict[str, float], interval: int | None = None) -> str:
        found = self.front(interval or self.intervals()[-1], NO_LIMIT)
        choice = min(found, key=lambda one: max(one.amounts[n] / max(limits[n], 1e-9) for n in RESOURCES))
        return f"takes {self.text(choice.amounts)}"

    def rate(self, interval: int) -> str:
        """An interval in words."""
        fps = self.board.clock_mhz * 1e6 / interval
        return f"{interval:,} cycles per frame ({fps:,.0f} frames per second)"

    def text(self, amounts: dict[str, float]) -> str:
        """Amounts of LUT and BRAM36 in the units of the family."""
        units = self._units()
        said = []
        for name in ("lut", "bram36"):
            if name in amounts:
                count = f"{amounts[name] * units[name][1]:,.1f}".removesuffix(".0")
                said.append(f"{count} {units[name][0]}")
        return " and ".join(said)

    def _units(self) -> dict[str, tuple[str, int]]:
        return families.load(self.board.family).units


def amounts_of(ops: list[HwOp]) -> dict[str, float]:
    """Resources of operators by their cost models."""
    found = [op.estimate() for op in ops]
    return {name: float(sum(one.get(name, 0) for one in found)) for name in RESOURCES}


def _fifos_before(ops: list[HwOp], name: str) -> list[HwOp]:
    """FIFOs before an operator, or before its width converters."""
    before = {tensor: op for op in ops for tensor in op.results}
    open_ones = [tensor for op in ops if op.name == name for tensor in op.sources]
    found = []
    while open_ones:
        op = before.get(open_ones.pop())
        if op is not None and op.identity and op.inputs == op.outputs == 1:
            found += [op] if depth_of(op) else []
            open_ones += op.sources
    return found
