"""The search over all Pareto-optimal foldings in LUT, block RAM and DSP, rather than for one weighted sum.

Like `search.py` it goes along the graph, but it considers every Simd, Pe, Pixels and memory style that is
fast enough, and for each form of the open streams it keeps all choices that no other choice beats in LUT,
BRAM36 and DSP at once. In a chain nothing else is dropped, so the result is the exact Pareto front. If
branches run in parallel, at most `STATES` forms are kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np

from xnorforge.flows.bind import OPS, Bound
from xnorforge.flows.fold.search import as_adders, candidates, converters, with_width_converters
from xnorforge.hw.ops.base import HwOp, Stream

RESOURCES = ("lut", "bram36", "dsp")
STATES = 120  # forms of the open streams that are kept if branches run in parallel
ROUNDING = 1e-6  # of a sum of estimates
QUICK = 0.5  # lower bound of the adders' size relative to their quick estimate; 0.7 and more was measured
NO_LIMIT = dict.fromkeys(RESOURCES, float("inf"))


@dataclass(frozen=True)
class Option:
    """A folding of one operator: its resources, and its streams by tensor.

    Attributes:
        exactly: returns the exact option if `amounts` are only a lower bound, because computing the exact
            amounts takes seconds.
    """

    op: HwOp
    cycles: int
    amounts: tuple[float, ...]
    takes: dict[str, Stream]
    gives: dict[str, Stream]
    exactly: Callable[[], "Option"] | None = None


@dataclass(frozen=True)
class Choice:
    """A folded graph as one option per operator: amounts of `RESOURCES`, width converters included."""

    amounts: dict[str, float]
    options: tuple[Option, ...]

    @property
    def interval(self) -> int:
        """Cycles of the slowest operator; width converters are never the slowest and are left out."""
        return max(option.cycles for option in self.options)

    def operators(self) -> list[HwOp]:
        """The operators in order, with width converters where beats differ."""
        copies = [_copy(option.op) for option in self.options]
        return with_width_converters(copies)


def options_of(bound: Bound, fixed: dict, adders: bool = False) -> list[Option]:
    """Every folding of an operator, in each of its memory styles; values in `fixed` are kept.

    Args:
        adders: also consider distributed arithmetic instead of a matrix, and several vectors at a time, which
            only our RTL back ends support.
    """
    styles = OPS[bound.op].styles
    free = {name: values for name, values in styles.items() if name not in fixed}
    made = [
        op
        for chosen in product(*free.values())
        for op in candidates(bound, fixed, adders, dict(zip(free, chosen)))
    ]
    found = [_option(op) for op in made]
    if adders:
        widest = max(made, key=lambda op: op.out_stream().lanes * op.in_stream().lanes)

        def exactly(op: HwOp) -> Option:
            other = type(op).instead_of(widest)
            assert other is not None, "a quick look found one"
            return _option(bound.connected(other))

        for op in as_adders(bound, [widest], widest.cycles(), quick=True):
            one = _option(op)
            least = tuple(QUICK * amount for amount in one.amounts)
            found.append(replace(one, amounts=least, exactly=partial(exactly, op)))
    return found


def _option(op: HwOp) -> Option:
    takes, gives = dict(zip(op.sources, op.in_streams())), dict(zip(op.results, op.out_streams()))
    return Option(op, op.cycles(), _amounts([op]), takes, gives)


def fastest(options: list[list[Option]], names: Iterable[str], fixed: Iterable[str]) -> tuple[int, str]:
    """The smallest interval of the graph, and the operator that limits it; operators with a given folding do
    not count.
    """
    least = [
        (min(option.cycles for option in some), name)
        for some, name in zip(options, names)
        if name not in fixed
    ]
    return max(least, key=lambda one: one[0], default=(1, ""))


def front_of(
    options: list[list[Option]], interval: int, limits: dict[str, float], given: frozenset[str] = frozenset()
) -> list[Choice]:
    """All Pareto-optimal choices within an interval and limits.

    Args:
        options: of every operator in order, `options_of`.
        interval: cycles per frame that no operator may exceed, except those in `given`.
        limits: the limit of each of `RESOURCES`.
        given: names of operators whose folding the user gave.

    Returns:
        The choices by rising BRAM36; empty if none keeps the limits.
    """
    most = np.array([limits[name] + ROUNDING for name in RESOURCES])
    joins = Joins()
    # {lanes of the open tensors: (amounts (n, 3), their streams, what the rows came from)}
    best: dict[tuple, tuple[np.ndarray, dict[str, Stream], _Rows | None]] = {(): (np.zeros((1, 3)), {}, None)}
    for some in options:
        some = _worth(some, interval, given)
        reached: dict[tuple, tuple[dict[str, Stream], list[tuple[np.ndarray, _Rows | None, Option]]]] = {}
        for amounts, streams, rows in best.values():
            for option in some:
                between = joins.between(streams, option.takes)
                if between is None:
                    continue
                left = {name: stream for name, stream in streams.items() if name not in option.takes}
                left |= option.gives
                key = tuple(stream.lanes for stream in left.values())
                reached.setdefault(key, (left, []))[1].append(
                    (amounts + (np.array(option.amounts) + between), rows, option)
                )
        best = {}
        for key, (left, parts) in reached.items():
            amounts = np.concatenate([part for part, _, _ in parts])
            kept = _undominated(amounts, most)
            if len(kept):
                starts = np.cumsum([0, *(len(part) for part, _, _ in parts)])
                place = np.searchsorted(starts, kept, side="right") - 1
                before = [(rows, option) for _, rows, option in parts]
                best[key] = amounts[kept], left, _Rows(before, place, kept - starts[place])
        best = _thinned(best)
    if not best:
        return []
    amounts = np.concatenate([part for part, _, _ in best.values()])
    ends = [(rows, row) for part, _, rows in best.values() for row in range(len(part))]
    kept = _undominated(amounts, most)
    kept = kept[np.argsort(amounts[kept][:, 1], kind="stable")]
    return [
        Choice(dict(zip(RESOURCES, map(float, amounts[k]))), tuple(_options(*ends[k]))) for k in kept.tolist()
    ]


class Joins:
    """The resources of the width converters before an operator."""

    def __init__(self) -> None:
        self.known: dict[tuple, np.ndarray | None] = {}

    def between(self, streams: dict[str, Stream], takes: dict[str, Stream]) -> np.ndarray | None:
        """Amounts of `RESOURCES`; None if no converter can join them."""
        total = np.zeros(3)
        for name, sink in takes.items():
            source = streams.get(name, sink)
            if source.lanes == sink.lanes:
                continue
            key = source.shape, source.lanes, sink.lanes, source.bits
            if key not in self.known:
                found = converters("any", source, sink)
                self.known[key] = None if found is None else np.array(_amounts(found))
            amounts = self.known[key]
            if amounts is None:
                return None
            total = total + amounts
        return total

    def total(self, options: Iterable[Option]) -> dict[str, float] | None:
        """Amounts of a folded graph from its options in order; None if no converter can join two of them."""
        streams: dict[str, Stream] = {}
        total = np.zeros(3)
        for option in options:
            between = self.between(streams, option.takes)
            if between is None:
                return None
            total = total + np.array(option.amounts) + between
            streams |= option.gives
        return dict(zip(RESOURCES, map(float, total)))


def _amounts(ops: list[HwOp]) -> tuple[float, ...]:
    found = [op.estimate() for op in ops]
    return tuple(float(sum(one.get(name, 0) for one in found)) for name in RESOURCES)


def _worth(options: list[Option], interval: int, given: frozenset[str]) -> list[Option]:
    """The options that are fast enough; of options with equal streams only the Pareto-optimal ones."""
    fast = [one for one in options if one.cycles <= interval and np.isfinite(one.amounts).all()]
    if not fast and options[0].op.name in given:
        fast = [min(options, key=lambda one: one.cycles)]
    alike: dict[tuple, list[Option]] = {}
    for one in fast:
        lanes = (*(s.lanes for s in one.takes.values()), *(s.lanes for s in one.gives.values()))
        alike.setdefault(lanes, []).append(one)
    found = []
    for some in alike.values():
        kept = _undominated(np.array([one.amounts for one in some]), np.full(3, np.inf))
        found += [some[k] for k in sorted(kept.tolist())]
    return found


def _undominated(amounts: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Pareto-optimal rows (lut, bram36, dsp) within `most`; of equal rows one is kept."""
    within = np.flatnonzero((amounts <= most).all(axis=1))
    order = within[np.lexsort(amounts[within].T)]  # by dsp, then bram36, then lut
    lut, bram, dsp = amounts[order].T
    places, place = np.unique(bram, return_inverse=True)
    least = np.full(len(places), np.inf)  # of LUT, at this many BRAM36 or fewer and fewer DSP
    kept = np.zeros(len(order), bool)
    for level in np.unique(dsp):
        of = np.flatnonzero(dsp == level)
        before = np.concatenate([[np.inf], np.minimum.accumulate(lut[of])[:-1]])
        kept[of] = (lut[of] < before) & (lut[of] < least[place[of]])
        np.minimum.at(least, place[of], lut[of])
        least = np.minimum.accumulate(least)
    return order[kept]


def _thinned(best: dict) -> dict:
    """If too many forms are open, those with the choices of least LUT and of least BRAM36."""
    if len(best) <= STATES:
        return best
    by_lut = sorted(best, key=lambda key: best[key][0][:, 0].min())[: STATES // 2]
    by_bram = sorted(best, key=lambda key: (best[key][0][:, 1].min(), best[key][0][:, 0].min()))
    kept = set(by_lut) | set(by_bram[: STATES // 2])
    return {key: value for key, value in best.items() if key in kept}


@dataclass(frozen=True)
class _Rows:
    """Origin of choices: for each, the index in `before` and its row there."""

    before: list[tuple["_Rows | None", Option]]
    place: np.ndarray
    row: np.ndarray


def _options(rows: _Rows | None, row: int) -> list[Option]:
    found = []
    while rows is not None:
        place, row = int(rows.place[row]), int(rows.row[row])
        rows, option = rows.before[place]
        found.append(option)
    return found[::-1]


def _copy(op: HwOp) -> HwOp:
    """A copy of the operator with its own node, before which width converters are inserted."""
    node = type(op.onnx_node)()
    node.CopyFrom(op.onnx_node)
    return type(op)(node, arrays_of=op.arrays_of)
