"""The folding search: of all foldings of a network within an interval and limits, the one of least price, a
convex function of the sums of its resources, width converters and skid buffers included.

Operators are connected by streams, and a width converter is needed between two operators whose beats differ.
So every stream has two unknowns, the beats of the operator that writes it and those of the one that reads it.
A table per operator lists its foldings by the beats of its streams, and a table per stream the converters.
The search joins the tables that have an unknown in common and keeps, for each combination of the unknowns
that are left, the best row; this unknown is then settled. That is exact for any graph, and quick as long as
few streams are open at a time, also in networks with branches (variable elimination).

If the best folding by one sum of the price breaks a limit or has a larger sum, the tables are joined again
with all rows that no other row beats in LUT, block RAM and DSP at once, except rows that, even with the best
of everything else, break a limit or are worse than a folding already found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints, Record
from xnorforge.flows.fold.options import (
    RESOURCES,
    ROUNDING,
    SPARE,
    Amounts,
    Option,
    Options,
    Ports,
    between,
    checked_folding,
    copied,
    skid_buffer,
    with_width_converters,
)
from xnorforge.hw.bind import Bound
from xnorforge.hw.ops.base import HwOp, Stream

T = TypeVar("T")
MOST_ROWS = 300_000  # of a table; of more, those that may be best are kept
MIXED = 2, 4, 8, 16, 64  # times the weight of a resource whose limit was broken, to find a folding within
IDLE, CHEAP = 1 / 2, 1 / 4  # this part of the block RAMs counts this part of its share
TIE = 1e-4  # weight of the share of the part if a resource is to be spared
NONE = 1e-6  # of a resource that a part does not have, so that its share is more than anything else's
NO_LIMIT: dict[str, float] = dict.fromkeys(RESOURCES, float("inf"))


@dataclass(frozen=True)
class Price:
    """What a search minimises: the largest of some weighted sums of amounts.

    Attributes:
        weights: (sums, RESOURCES).
        less: (sums,), what is subtracted from each.
    """

    weights: np.ndarray
    less: np.ndarray

    def sums(self, amounts: np.ndarray) -> np.ndarray:
        """The sums (…, sums) of amounts (…, RESOURCES)."""
        return amounts @ self.weights.T - self.less

    def each(self, amounts: np.ndarray) -> np.ndarray:
        """The prices (…) of amounts (…, RESOURCES)."""
        return self.sums(amounts).max(axis=-1)

    def of(self, amounts: Mapping[str, float]) -> float:
        """The price of amounts of `RESOURCES`; others do not count."""
        return float(self.each(np.array([amounts.get(name, 0) for name in RESOURCES])))


@dataclass(frozen=True)
class Part:
    """Capacity of a part, in LUTs, block RAMs of 36 kbit, DSPs and UltraRAMs."""

    lut: float
    bram36: float
    dsp: float
    uram: float = NONE

    @classmethod
    def of(cls, capacity: Mapping[str, float]) -> "Part":
        """The part of a board's capacity."""
        return cls(*(capacity.get(name, NONE) for name in RESOURCES))

    def price(self, spare: str = "") -> Price:
        """The shares of all resources, added up, or the resource to spare; block RAMs that would be
        idle count little, because LUTs take time to synthesise and route."""
        share, names = np.array([1 / getattr(self, name) for name in RESOURCES]), np.array(RESOURCES)
        if spare:
            return Price(np.array([(names == SPARE[spare]) + TIE * share]), np.zeros(1))
        idle = np.where(names == "bram36", CHEAP, 1.0) * share
        return Price(np.array([idle, share]), np.array([0.0, (1 - CHEAP) * IDLE]))

    def cost(self, ops: Sequence[HwOp]) -> float:
        """The price of operators, from their own cost models."""
        costs = [op.estimate(registers=False) for op in ops]
        return self.price().of({name: sum(one.get(name, 0) for one in costs) for name in RESOURCES})


@dataclass(frozen=True)
class Choice:
    """A folded graph as one option per operator: amounts of `RESOURCES`, with width converters and
    the skid buffers between operators that pass ready on."""

    amounts: dict[str, float]
    options: tuple[Option, ...]

    @property
    def interval(self) -> int:
        """Cycles of the slowest operator; width converters are never the slowest and are left out."""
        return max(option.cycles for option in self.options)

    @classmethod
    def of(cls, options: Sequence[Option]) -> "Choice | None":
        """Options in order; None if no converter can join two of them."""
        writers: dict[str, Option] = {}
        parts = [option.amounts for option in options]
        for option in options:
            for name, sink in option.takes.items():
                if name in writers:
                    more = _joint(writers[name].gives[name], sink, _passes_ready(writers[name], option))
                    if more is None:
                        return None
                    parts.append(more)
            writers |= dict.fromkeys(option.gives, option)
        return cls(dict(zip(RESOURCES, map(sum, zip(*parts)))), tuple(options))

    def operators(self) -> list[HwOp]:
        """The operators in order, with width converters where beats differ."""
        takes = {name: one for option in self.options for name, one in option.takes.items()}
        gives = {name: one for option in self.options for name, one in option.gives.items()}
        entering = {name: takes[name] for name in takes.keys() - gives.keys()}
        leaving = {name: gives[name] for name in gives.keys() - takes.keys()}
        return with_width_converters([copied(option.op) for option in self.options], entering, leaving)


def excess(taken: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """What does not fit: {name: by how much}, of all amounts taken that have a limit."""
    return {name: own - limits[name] for name, own in taken.items() if own > limits.get(name, own) + ROUNDING}


def first(count: int, attempt: Callable[[int], T | None]) -> T | None:
    """What the first of some attempts that succeeds gives, by bisection; None if none of those tried does."""
    best, low, high = None, 0, count - 1
    while low <= high:
        middle = (low + high) // 2
        found = attempt(middle)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle - 1
    return best


def options_of(
    graph: list[Bound], fixed: dict[str, Record], adders: bool, ports: Ports | None = None,
    known: dict[tuple, Options] | None = None,
) -> list[Options]:  # fmt: skip
    """The foldings of every operator; `ports` names the inputs and outputs of the graph, `known` has those of
    operators that are looked at again.

    Raises:
        UserError: a given value does not fit its operator.
    """
    given = {bound.name: checked_folding(bound, fixed.get(bound.name, {})) for bound in graph}
    known = {} if known is None else known
    found = []
    for bound in graph:
        ends = ports.tensors & {*bound.inputs, *bound.outputs} if ports else None
        its = replace(ports, tensors=ends) if ports and ends else None
        key = id(bound), repr(given[bound.name]), adders, its
        if key not in known or known[key].bound is not bound:
            known[key] = Options(bound, given[bound.name], adders, its)
        found.append(known[key])
    return found


def fastest(options: list[Options]) -> tuple[int, str]:
    """The smallest interval of a graph, and the operator that limits it, if its folding is not given."""
    least = [(one.fastest, one.name) for one in options if not one.fixed]
    return max(least, key=lambda one: one[0], default=(1, ""))


def cheapest(
    options: list[Options], interval: int, price: Price, limits: dict[str, float] = NO_LIMIT,
    extra: Callable[[int, Option], float] | None = None,
) -> Choice | None:  # fmt: skip
    """The best choice within an interval and limits: the one of least price.

    Args:
        options: of every operator in order.
        interval: cycles per frame that no operator may exceed, except those with a given folding.
        limits: of each of `RESOURCES`.
        extra: added to the price for an option of the operator at a place; inf forbids it.

    Returns:
        The choice; None if there is none.

    Raises:
        UserError: no width converter can connect two operators.
    """
    while True:
        own = extra or (lambda _place, _one: 0.0)
        within = (one.within(interval) for one in options)
        some = [[one for one in ones if own(k, one) < np.inf] for k, ones in enumerate(within)]
        if not all(some):
            return None
        of_lut = price.weights[:, RESOURCES.index("lut")].max()
        more = [[of_lut * one.wasted + own(k, one) for one in ones] for k, ones in enumerate(some)]
        try:
            found = _cheapest(some, more, price, np.array([limits[name] for name in RESOURCES]))
        except UserError:
            if extra is None:
                raise
            return None
        rough = [one for one, chosen in zip(options, found or ()) if chosen.exactly]
        if not rough:
            return Choice.of(found) if found else None
        for one in rough:
            one.improve()


def _cheapest(
    some: list[list[Option]], extra: list[list[float]], price: Price, limits: np.ndarray
) -> list[Option] | None:
    """One option per operator; None if none keeps the limits."""
    taken = np.max([one.amounts for ones in some for one in ones], axis=0)
    limits = np.where(taken > 0, limits, np.inf)  # what nothing takes bounds nothing
    graph = _Graph(some, extra)

    def solve(weights, more: float = 0.0) -> list[_Table]:
        return graph.solve(np.append(weights, more)[:, None], np.ones(1))

    def within(options: list[Option]) -> bool:
        return bool((_total(options) <= limits + ROUNDING).all())

    for place, weights in enumerate(price.weights):
        best = solve(weights, 1.0)
        if not len(best[-1].amounts):
            raise UserError(_apart(some))
        found = graph.options(best)
        sums = price.sums(_total(found))
        if sums[place] >= sums.max() and within(found):  # no price is below one of its sums
            return found
    # Bounds: what the weighted sums and each limited resource come to at least.
    count, finite = len(price.weights), np.isfinite(limits)
    criteria = [*price.weights, *np.eye(len(limits))[finite]]
    solved = [solve(one) for one in criteria]
    least = [tables[-1].amounts[0, 0] for tables in solved]
    if (np.array(least[count:]) > limits[finite] + ROUNDING).any():
        return None
    known = [graph.options(tables) for tables in solved]
    for resource, factor in product(np.flatnonzero(finite), MIXED):
        factors = np.where(np.arange(len(limits)) == resource, factor, 1)
        known.append(graph.options(solve(price.weights[-1] * factors)))
    lowest = min((price.each(_total(one)) for one in known if within(one)), default=np.inf)
    most = [*(lowest + price.less), *limits[finite]]
    bounds = [_Bound(one, limit, graph.rests(tables)) for one, limit, tables in zip(criteria, most, solved)]
    last = graph.solve(np.eye(len(limits) + 1, len(limits)), price.weights[-1], bounds)
    prices = price.each(last[-1].amounts)
    return graph.options(last, int(np.argmin(prices))) if len(prices) else None


def _passes_ready(writer: Option, reader: Option) -> bool:
    return writer.op.ready_through and reader.op.ready_through


def _joint(source: Stream, sink: Stream, passes_ready: bool) -> Amounts | None:
    """Cost of the converters between two streams, or of the skid buffer between equal ones."""
    return skid_buffer(source) if passes_ready and source.lanes == sink.lanes else between(source, sink)


def _total(options: list[Option]) -> np.ndarray:
    choice = Choice.of(options)
    return np.array([np.inf] * len(RESOURCES) if choice is None else list(choice.amounts.values()))


@dataclass
class _Table:
    """Rows of possible choices.

    Attributes:
        unknowns: columns of `lanes`.
        lanes: (rows, unknowns), each an index into the values of its unknown.
        amounts: (rows, criteria).
        origins: indices of the tables that rows were made of, each with their rows there.
    """

    unknowns: tuple
    lanes: np.ndarray
    amounts: np.ndarray
    origins: tuple[tuple[int, np.ndarray], ...] = ()

    def codes(self, unknowns: Sequence, sizes: dict) -> np.ndarray:
        """A number per row that tells combinations of some of its unknowns apart."""
        code = np.zeros(len(self.lanes), np.int64)
        for name in unknowns:
            code = code * sizes[name] + self.lanes[:, self.unknowns.index(name)]
        return code


@dataclass(frozen=True)
class _Bound:
    """The most that a weighted sum of amounts may be, and the least that all other tables add to a
    row: per table the codes of its rows, ascending, and the amounts."""

    weights: np.ndarray
    most: float
    rests: dict[int, tuple[np.ndarray, np.ndarray]]


class _Graph:
    """Tables of a network and the order in which they are joined.

    Args:
        some: options of every operator.
        extra: what is added to the sum for each of them.
    """

    def __init__(self, some: list[list[Option]], extra: list[list[float]]):
        self.some = some
        readers = {name: ops for ops in some for name in ops[0].takes}
        writers = {name: ops for ops in some for name in ops[0].gives}
        self.values: dict[tuple, list[int]] = {}  # {unknown: elements per beat}
        for name in readers.keys() & writers.keys():
            self.values[name, "gives"] = sorted({one.gives[name].lanes for one in writers[name]})
            self.values[name, "takes"] = sorted({one.takes[name].lanes for one in readers[name]})
        self.sizes = {key: len(values) for key, values in self.values.items()}
        self.leaves = [self._operator(*pair) for pair in zip(some, extra)]
        self.leaves += [
            self._converters(name, writers[name][0], readers[name][0])
            for name in (name for ops in some for name in ops[0].gives if name in readers)
        ]
        self.steps = self._plan()

    def _operator(self, ops: list[Option], extra: list[float]) -> _Table:
        sides = [(name, "takes") for name in ops[0].takes] + [(name, "gives") for name in ops[0].gives]
        unknowns = tuple(key for key in sides if key in self.values)
        widths = ([getattr(one, side)[name].lanes for name, side in unknowns] for one in ops)
        rows = [[self.values[key].index(n) for key, n in zip(unknowns, row)] for row in widths]
        lanes = np.array(rows, np.int64).reshape(len(ops), len(unknowns))
        return _Table(unknowns, lanes, np.array([(*one.amounts, more) for one, more in zip(ops, extra)]))

    def _converters(self, name: str, writer: Option, reader: Option) -> _Table:
        """What lies between the operators of a stream."""
        source, sink, unknowns = writer.gives[name], reader.takes[name], ((name, "gives"), (name, "takes"))
        passes, places, rows = _passes_ready(writer, reader), [], []
        for (i, lanes), (j, after) in product(*(enumerate(self.values[key]) for key in unknowns)):
            more = _joint(replace(source, lanes=lanes), replace(sink, lanes=after), passes)
            if more is not None:
                places.append((i, j))
                rows.append((*more, 0.0))
        amounts = np.array(rows).reshape(-1, len(RESOURCES) + 1)
        return _Table(unknowns, np.array(places, np.int64).reshape(-1, 2), amounts)

    def _plan(self) -> list[tuple[int, int] | tuple[int, tuple]]:
        """Pairs of tables to join, and tables with the unknown that is settled there, which leaves
        the smallest table first; each makes a table."""
        rows = {index: float(len(table.lanes)) for index, table in enumerate(self.leaves)}
        having = {index: frozenset(table.unknowns) for index, table in enumerate(self.leaves)}
        of: dict[tuple, set[int]] = {key: set() for key in self.values}
        for index, unknowns in having.items():
            for key in unknowns:
                of[key].add(index)

        def size(unknowns) -> float:
            return float(np.prod([float(self.sizes[key]) for key in unknowns]))

        def joined(indices) -> tuple[float, frozenset]:
            first, *others = sorted(indices, key=lambda index: (rows[index], index))
            count, unknowns = rows[first], having[first]
            for index in others:
                count *= rows[index] / size(unknowns & having[index])
                unknowns = unknowns | having[index]
                count = min(count, size(unknowns))
            return count, unknowns

        steps: list = []

        def add(step, count: float, unknowns: frozenset, gone: Ints) -> int:
            index = len(self.leaves) + len(steps)
            steps.append(step)
            rows[index], having[index] = count, unknowns
            for key in {key for one in gone for key in having[one]}:
                of.get(key, set()).difference_update(gone)
            for key in unknowns:
                of[key].add(index)
            for one in gone:
                del rows[one], having[one]
            return index

        costs = {key: joined(of[key])[0] for key in self.values}
        while costs:
            key = min(costs, key=lambda one: (costs[one], one))
            del costs[key]
            last, *others = sorted(of[key], key=lambda index: (rows[index], index))
            for other in others:
                last = add((last, other), *joined((last, other)), (last, other))
            left = having[last] - {key}
            del of[key]
            add((last, key), min(rows[last], size(left)), left, (last,))
            costs |= {one: joined(of[one])[0] for one in left}
        last, *others = rows
        for other in others:
            last = add((last, other), *joined((last, other)), (last, other))
        return steps

    def solve(self, criteria: np.ndarray, weights: np.ndarray, bounds: Sequence[_Bound] = ()) -> list[_Table]:
        """All tables, the last of which has no unknown.

        Args:
            criteria: (RESOURCES and `extra`, criteria): no row is kept that another beats in all these sums.
            weights: of the criteria, by which rows are kept of a table with too many.
            bounds: on amounts of `RESOURCES`, which are then the criteria.
        """
        tables = [replace(leaf, amounts=leaf.amounts @ criteria) for leaf in self.leaves]
        for one, other in self.steps:
            if isinstance(other, int):
                tables.append(self._join(one, other, tables, weights))
            else:
                tables.append(self._settle(one, other, tables, bounds, len(tables)))
        return tables

    def _join(self, left: int, right: int, tables: list[_Table], worth: np.ndarray) -> _Table:
        one, other = tables[left], tables[right]
        common = [key for key in one.unknowns if key in other.unknowns]
        codes, wanted = other.codes(common, self.sizes), one.codes(common, self.sizes)
        order = np.argsort(codes, kind="stable")
        begin = np.searchsorted(codes[order], wanted, "left")
        counts = np.searchsorted(codes[order], wanted, "right") - begin
        if counts.sum() > MOST_ROWS:
            by_price = np.argsort(one.amounts @ worth, kind="stable")
            counts[by_price[np.cumsum(counts[by_price]) > MOST_ROWS]] = 0
        mine = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)
        its = order[np.arange(len(mine)) - np.repeat(ends - counts, counts) + np.repeat(begin, counts)]
        more = [k for k, key in enumerate(other.unknowns) if key not in common]
        unknowns = (*one.unknowns, *(other.unknowns[k] for k in more))
        lanes = np.concatenate([one.lanes[mine], other.lanes[its][:, more]], axis=1)
        return _Table(unknowns, lanes, one.amounts[mine] + other.amounts[its], ((left, mine), (right, its)))

    def _settle(
        self, index: int, gone: tuple, tables: list[_Table], bounds: Sequence[_Bound], place: int
    ) -> _Table:
        table = tables[index]
        columns = [k for k, key in enumerate(table.unknowns) if key != gone]
        unknowns = tuple(table.unknowns[k] for k in columns)
        codes, amounts = table.codes(unknowns, self.sizes), table.amounts
        rows = np.arange(len(codes))
        for bound in bounds:
            known, rest = bound.rests[place]
            least = amounts[rows] @ bound.weights + rest[np.searchsorted(known, codes[rows])]
            rows = rows[least <= bound.most + ROUNDING * (1 if bound.most > 1 else bound.most)]
        if amounts.shape[1] == 1:
            rows = np.lexsort((amounts[:, 0], codes))
            rows = rows[np.flatnonzero(np.diff(codes[rows], prepend=-1))]
        else:
            rows = rows[np.argsort(codes[rows], kind="stable")]
            parts = np.split(rows, np.flatnonzero(np.diff(codes[rows])) + 1) if len(rows) else []
            rows = np.concatenate([part[_undominated(amounts[part])] for part in parts] or [rows])
        return _Table(unknowns, table.lanes[rows][:, columns], amounts[rows], ((index, rows),))

    def rests(self, tables: list[_Table]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Of `solve` for one criterion, per table in which an unknown is settled: the codes of its
        rows, and the least that all other tables add."""
        rest = {len(tables) - 1: np.zeros(len(tables[-1].amounts))}
        found = {}
        for index in range(len(tables) - 1, len(self.leaves) - 1, -1):
            table, own = tables[index], rest.pop(index)
            if len(table.origins) == 2:
                (left, mine), (right, its) = table.origins
                for before, rows, other in ((left, mine, right), (right, its, left)):
                    least = np.full(len(tables[before].amounts), np.inf)
                    theirs = tables[other].amounts[its if before == left else mine, 0]
                    np.minimum.at(least, rows, own + theirs)
                    rest[before] = least
            else:
                codes = table.codes(table.unknowns, self.sizes)
                found[index] = codes, own
                ((before, _),) = table.origins
                every = tables[before].codes(table.unknowns, self.sizes)
                rest[before] = own[np.searchsorted(codes, every)]
        return found

    def options(self, tables: list[_Table], row: int = 0) -> list[Option]:
        """One option per operator: what a row of the last table was made of."""
        found: dict[int, Option] = {}
        waiting = [(len(tables) - 1, row)]
        while waiting:
            index, row = waiting.pop()
            if index < len(self.some):
                found[index] = self.some[index][row]
            waiting += [(before, int(rows[row])) for before, rows in tables[index].origins]
        return [found[index] for index in range(len(self.some))]


def _undominated(amounts: np.ndarray) -> np.ndarray:
    """Pareto-optimal rows of amounts (rows, RESOURCES); of equal rows one is kept."""
    order = np.lexsort(amounts.T)  # by uram, then dsp, then bram36, then lut
    lut, bram, *rest = amounts[order].T
    places, place = np.unique(bram, return_inverse=True)
    levels, level = np.unique(rest[0], return_inverse=True)
    # Of LUT, at this many DSP or fewer, this many BRAM36 or fewer, and fewer UltraRAM.
    below = np.full((len(levels), len(places)), np.inf)
    kept = np.zeros(len(order), bool)
    for of_uram in (rest[1] == one for one in np.unique(rest[1])):
        least = np.full(len(places), np.inf)  # at this many UltraRAM and fewer DSP
        for dsp in range(len(levels)):
            of = np.flatnonzero(of_uram & (level == dsp))
            before = np.concatenate([[np.inf], np.minimum.accumulate(lut[of])[:-1]])
            kept[of] = (lut[of] < before) & (lut[of] < np.minimum(least, below[dsp])[place[of]])
            np.minimum.at(least, place[of], lut[of])
            least = np.minimum.accumulate(least)
            below[dsp] = np.minimum(below[dsp], least)
    return order[kept]


def _apart(some: list[list[Option]]) -> str:
    """Which operator cannot be connected."""
    writers = {name: ops for ops in some for name in ops[0].gives}
    for ops in some:
        for name in ops[0].takes:
            if name in writers and all(
                between(one.gives[name], other.takes[name]) is None
                for one, other in product(writers[name], ops)
            ):
                return (
                    f"{ops[0].op.name}: no width converter can connect it to the operator before it; choose "
                    "the simd or pe of both so that one divides the other."
                )
    return (
        f"{some[0][0].op.name}: no width converters can connect the operators of the given folding; choose "
        "simd and pe so that they divide each other."
    )
