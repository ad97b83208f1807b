"""The folding search: Simd and Pe of every operator of a chain, for an interval, with the smallest share of the part.

Each operator alone: all divisors that its streams allow, and for every Simd only the smallest Pe that is fast enough (a
larger one costs more and gains nothing). Along the chain: dynamic programming over these choices, because two operators
whose beats differ pay for a width converter between them.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import lcm, prod

from xnorforge.errors import UserError
from xnorforge.flows.bind import OPS, Bound
from xnorforge.hw.ops.base import HwOp, Stream

# What Simd and Pe have to divide, per operator: attribute name or position of the channels.
EXTENT = {
    "XnorMvu": {"simd": "mw", "pe": "mh"},
    "ByteMvu": {"simd": "mw", "pe": "mh"},
    "Window": {"simd": "ifm"},
    "OrPool": {"pe": "ifm"},
    "Threshold": {"pe": "in_shape"},
    "TopK": {},
}


@dataclass(frozen=True)
class Part:
    """What the search minimises: the share of a part's LUTs plus the share of its block RAMs."""

    lut: int
    bram36: int

    def price(self, op: HwOp) -> float:
        """Share that one operator takes, by its own cost model."""
        estimate = op.estimate()
        return estimate["lut"] / self.lut + estimate["bram36"] / self.bram36


def extents(bound: Bound) -> dict[str, int]:
    """{"simd", "pe"} to what each has to divide; only those that the operator has."""
    found = {}
    for name, attribute in EXTENT[bound.op].items():
        value = bound.attributes[attribute]
        found[name] = value[-1] if isinstance(value, list) else value
    return found


def checked(bound: Bound, given: dict[str, int]) -> dict[str, int]:
    """A folding that somebody gave, or the reason why it cannot be.

    Raises:
        UserError: a name the operator does not have, a value that does not divide, or beats that do not fit the frame.
    """
    sizes = extents(bound)
    for name, value in given.items():
        if name not in sizes:
            has = " and ".join(sizes) or "nothing to fold"
            raise UserError(f"{bound.name}: {bound.op} has no {name}; it has {has}.")
        if value < 1 or sizes[name] % value:
            raise UserError(
                f"{bound.name}: {name}={value} does not divide {_called(bound, name)}={sizes[name]}; {_use(divisors(sizes[name]))}"
            )
    return given


def candidates(bound: Bound, fixed: dict[str, int]) -> list[HwOp]:
    """All foldings of an operator that its streams can carry, those of equal Simd in order of rising Pe."""
    sizes = extents(bound)
    ranges = {name: [fixed[name]] if name in fixed else divisors(size) for name, size in sizes.items()}
    found = []
    for simd in ranges.get("simd", [None]):
        for pe in ranges.get("pe", [None]):
            folding = {name: value for name, value in (("simd", simd), ("pe", pe)) if value}
            op = bound.make(**folding)
            if fits(op.in_stream()) and fits(op.out_stream()):
                found.append(op)
    if not found:
        raise UserError(
            f"{bound.name}: {fixed} gives beats that do not divide a frame; leave it to the search or take divisors of the channels."
        )
    return found


def search(chain: list[Bound], interval: int, part: Part, fixed: dict[str, dict] | None = None) -> list[HwOp]:
    """Fold a chain.

    Args:
        chain: operators as `bind` gives them.
        interval: cycles per frame that no operator may exceed; an operator with a given folding may.
        part: what the area is measured against.
        fixed: {operator name: {"simd", "pe"}} given by the user.

    Returns:
        The operators in order, width converters between those whose beats differ.

    Raises:
        UserError: no folding is fast enough, or a given value does not divide.
    """
    fixed = {
        name: checked(bound, given) for bound in chain for name, given in (fixed or {}).items() if name == bound.name
    }
    options = [candidates(bound, fixed.get(bound.name, {})) for bound in chain]
    _reachable([ops for bound, ops in zip(chain, options) if bound.name not in fixed], interval)
    options = [_fast_enough(ops, interval) for ops in options]
    best = {None: (0.0, [])}  # output stream so far -> price, operators
    for bound, ops in zip(chain, options):
        reached = {}
        for op in ops:
            ways = ((price, done, joined(stream, op, interval)) for stream, (price, done) in best.items())
            priced = [
                (price + sum(map(part.price, [*between, op])), [*done, *between, op])
                for price, done, between in ways
                if between is not None
            ]
            if priced:
                cheapest = min(priced, key=lambda way: way[0])
                stream = op.out_stream()
                if stream not in reached or cheapest[0] < reached[stream][0]:
                    reached[stream] = cheapest
        if not reached:
            raise UserError(
                f"{bound.name}: no width converter joins it to the operator before; give both a simd or pe that divides the other."
            )
        best = reached
    return min(best.values(), key=lambda way: way[0])[1]


def joined(source: Stream | None, op: HwOp, interval: int) -> list[HwOp] | None:
    """The width converters in front of an operator: none, one, or two over a common multiple; None if none does it."""
    sink = op.in_stream()
    if source is None or source.lanes == sink.lanes:
        return []
    if max(source.lanes, sink.lanes) % min(source.lanes, sink.lanes) == 0:
        steps = [source.lanes, sink.lanes]
    else:
        steps = [source.lanes, lcm(source.lanes, sink.lanes), sink.lanes]
    if not all(fits(Stream(source.shape, lanes, source.bits, source.signed)) for lanes in steps):
        return None
    widths = OPS["Width"]
    return [
        widths.make(
            f"width_{op.name}" + ("" if len(steps) == 2 else f"_{index}"),
            shape=list(source.shape),
            in_lanes=lanes,
            out_lanes=after,
            bits=source.bits,
            signed=int(source.signed),
        )
        for index, (lanes, after) in enumerate(pairwise(steps))
    ]


def fits(stream: Stream) -> bool:
    """Whether beats of so many elements cut a frame evenly: they divide the last axis, or are whole multiples of it."""
    last = stream.shape[-1]
    return last % stream.lanes == 0 or (stream.lanes % last == 0 and prod(stream.shape) % stream.lanes == 0)


def divisors(number: int) -> list[int]:
    """All divisors, rising."""
    return [value for value in range(1, number + 1) if number % value == 0]


def _reachable(options: list[list[HwOp]], interval: int) -> None:
    """Stop when the widest folding of some operator is still too slow."""
    fastest = [min(ops, key=lambda op: op.cycles()) for ops in options]
    slowest = max(fastest, key=lambda op: op.cycles(), default=None)
    if slowest is not None and slowest.cycles() > interval:
        raise UserError(
            f"{slowest.name}: {interval:,} cycles per frame cannot be met, it needs {slowest.cycles():,} at its widest; "
            f"ask for {slowest.cycles():,} or more."
        )


def _fast_enough(ops: list[HwOp], interval: int) -> list[HwOp]:
    """For every Simd the smallest Pe within the interval; the fastest where none is, which happens to given foldings."""
    kept, seen = [], set()
    for op in ops:
        simd = op.get_nodeattr("simd") if "simd" in op.get_nodeattr_types() else None
        if simd not in seen and op.cycles() <= interval:
            seen.add(simd)
            kept.append(op)
    return kept or [min(ops, key=lambda op: op.cycles())]


def _called(bound: Bound, name: str) -> str:
    """What a reader calls the size that simd or pe has to divide."""
    return {"mw": "length", "mh": "outputs"}.get(EXTENT[bound.op][name], "channels")


def _use(values: list[int]) -> str:
    shown = ", ".join(map(str, values[:12]))
    return f"use one of [{shown}, …]." if len(values) > 12 else f"use one of [{shown}]."
