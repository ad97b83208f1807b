"""Weights that do not fit the part: which operators read theirs from a memory with every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows.fold.options import RESOURCES
from xnorforge.flows.fold.search import Part, first
from xnorforge.hw.bind import Bound
from xnorforge.hw.memory import bytes_per_frame
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import divisors

OF_FIFOS = 2 / 5  # of the block RAM, that is left to FIFOs around branches in the first attempts
MORE = 1.1  # times what FIFOs took in an attempt, that is left to them in the next one
LITTLE = 1 / 100  # of the part
SMALL = 1 << 16  # weights up to which logic may take less of the part than block RAM
Graph = tuple[list[Bound], dict[str, dict]]  # operators, and the folding given for some of them


def from_outside(
    bounds: list[Bound], given: dict[str, Record], interval: int, forms: "dict[str, Form] | None" = None
) -> Graph:
    """The graph in which operators read their weights with every frame, those that `given` sets `rom`
    "outside" for and those of `forms`, and the folding of what takes their place.

    Raises:
        UserError: an operator has no such form.
    """
    found, folding, forms = [], dict(given), forms or {}
    for bound in bounds:
        if given.get(bound.name, {}).get("rom") == "outside":
            del folding[bound.name]
            made, own = _in_place(bound, bound.make_alone().from_outside(interval))
        elif bound.name in forms:
            made, own = forms[bound.name].graph
        else:
            made, own = [bound], {}
        found += made
        folding |= own
    return found, folding


def _in_place(bound: Bound, ops: list[HwOp]) -> Graph:
    """Operators in a row in the place of one."""
    found, folding = [], {}
    between = [f"{op.name}_behind" for op in ops[:-1]]
    for op, into, out in zip(ops, [bound.inputs, *([one] for one in between)], [*between, None]):
        made = replace(bound.by(op), inputs=into, outputs=[out] if out else bound.outputs)
        own = made.attributes
        folding[op.name] = {key: own.pop(key) for key in ("simd", "pe") if key in own}
        found.append(made)
    return found, folding


@dataclass(frozen=True)
class Form:
    """Operators with weights from outside, and their folding; their share of the part, bytes per frame."""

    graph: Graph
    share: float
    size: int


def fewest_outside(
    bounds: list[Bound], given: dict[str, Record], interval: int, room: float, part: Part,
    possible: Callable[[Graph, dict[str, float]], bool],
    attempt: Callable[[Graph, dict[str, float]], Any],
) -> Any:  # fmt: skip
    """The attempt with as few bytes from outside as it needs to succeed, or else the last one; None if no
    operator reads its weights from outside for less.

    Those go first that save the most of the part per byte: many weights, few vectors that are held; those
    that save little go last. FIFOs, which take long to size, are sized where a folding without them is
    possible; what they took in an attempt that failed is left to them in the next one, which leaves out half
    of those between it and the last.

    Args:
        room: bytes that the memory gives in a frame.
        possible: without FIFOs, for which the given amounts are left.
        attempt: with them; its result has `ops`, None if no folding meets the request, and `fifos`, amounts
            that they took, empty if none were sized.
    """
    free = [bound for bound in bounds if bound.name not in given]
    steps = [step for bound in free for step in _steps(bound, interval, room, part)]
    graphs, forms, taken = [], dict[str, Form](), 0
    for _, name, form in sorted(steps, key=lambda step: step[0], reverse=True):
        more = form.size - (forms[name].size if name in forms else 0)
        if taken + more <= room:
            forms, taken = forms | {name: form}, taken + more
            graphs.append(from_outside(bounds, given, interval, forms))
    branches = any(len(bound.inputs) > 1 for bound in bounds)
    reserve = {"bram36": branches * OF_FIFOS * part.bram36}
    tried, left = None, graphs
    while left:
        # The first one that is possible without FIFOs; the last one is tried anyway.
        found = [partial(possible, graph, reserve) for graph in left]
        at = first(len(left) - 1, lambda k, found=found: k if found[k]() else None)
        at = len(left) - 1 if at is None else at
        tried = attempt(left[at], reserve)
        if tried.ops:
            return tried
        if tried.fifos:
            reserve = {name: max(MORE * its, reserve.get(name, 0)) for name, its in tried.fifos.items()}
        left = left[at + 1 + (len(left) - at - 1) // 2 :]
        if not left and not tried.fifos and branches:
            branches, reserve, left = False, {}, graphs
    return tried


def _steps(
    bound: Bound, interval: int, room: float, part: Part
) -> Iterator[tuple[tuple[bool, float], str, Form]]:
    """The forms of an operator with weights from outside, each of which saves less per byte than the
    one before it: whether that is more than a little of the part, how much per byte; name, form."""
    weights = bound.arrays.get("weights")
    if weights is None or bound.body:
        return
    op, forms = bound.make_alone(), list[Form]()
    for rounds in divisors(bound.attributes.get("vectors", 1)):
        try:
            ops = op.from_outside(interval, rounds)
        except UserError:
            return
        form = Form(_in_place(bound, ops), _share(ops, part), bytes_per_frame(ops))
        if form.size <= room:
            forms.append(form)
    if not forms:
        return
    folding = forms[0].graph[1][bound.name]
    roms = ("block", "logic")[: 1 + (weights.size <= SMALL)]
    last = min(_share([bound.make_alone(**folding, rom=rom)], part) for rom in roms), 0
    while forms:
        ratios = [(last[0] - one.share) / (one.size - last[1]) for one in forms]
        best = int(np.argmax(ratios))
        if ratios[best] <= 0:
            return
        yield (last[0] - forms[best].share > LITTLE, ratios[best]), bound.name, forms[best]
        last, forms = (forms[best].share, forms[best].size), forms[best + 1 :]


def _share(ops: list[HwOp], part: Part) -> float:
    """The share of the part that operators take, of all resources."""
    costs = [op.estimate(registers=False) for op in ops]
    return sum(one.get(name, 0) / getattr(part, name) for one in costs for name in RESOURCES)
