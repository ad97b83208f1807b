"""Weights that do not fit the part: which operators read theirs from a memory with every frame."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows.bind import Bound
from xnorforge.flows.fold.options import Options
from xnorforge.flows.fold.search import Part, first

T = TypeVar("T")
Graph = tuple[list[Bound], dict[str, dict]]  # operators, and the folding given for some of them


def from_outside(bounds: list[Bound], given: dict[str, Record], interval: int) -> Graph:
    """The graph in which operators that `given` sets `rom` "outside" for read their weights with every frame,
    and the folding of what takes their place.

    Raises:
        UserError: an operator has no such form.
    """
    found, folding = [], dict(given)
    for bound in bounds:
        if given.get(bound.name, {}).get("rom") != "outside":
            found.append(bound)
            continue
        del folding[bound.name]
        ops = bound.make_alone().from_outside(interval)
        between = [f"{op.name}_behind" for op in ops[:-1]]
        for op, into, out in zip(ops, [bound.inputs, *([one] for one in between)], [*between, None]):
            made = replace(bound.by(op), inputs=into, outputs=[out] if out else bound.outputs)
            own = made.attributes
            folding[op.name] = {key: own.pop(key) for key in ("simd", "pe") if key in own}
            found.append(made)
    return found, folding


def fewest_outside(
    bounds: list[Bound],
    given: dict[str, Record],
    interval: int,
    room: float,
    part: Part,
    attempt: Callable[[list[Bound], dict[str, Record]], T | None],
) -> T | None:
    """The attempt with as few weights from outside as it needs to succeed; None if none does.

    Those go first that save the most of the price: many weights, few pixels that are held.

    Args:
        room: bytes that the memory gives in a frame.
    """
    names, taken = [], 0.0
    for name, size in _by_saving(bounds, given, interval, part):
        if taken + size <= room:
            names.append(name)
            taken += size

    def with_fewest(place: int) -> T | None:
        outside = {name: {"rom": "outside"} for name in names[: place + 1]}
        return attempt(*from_outside(bounds, given | outside, interval))

    return first(len(names), with_fewest)


def _by_saving(
    bounds: list[Bound], given: dict[str, Record], interval: int, part: Part
) -> list[tuple[str, int]]:
    """Operators that cost less with weights from outside, most saving first, and their bytes of weights."""
    found, price = [], part.price()
    for bound in bounds:
        if bound.name in given or bound.body:
            continue
        try:
            ops = bound.make_alone().from_outside(interval)
        except UserError:
            continue
        inside = [one.amounts for one in Options(bound, {}, True).within(interval)]
        least = min((price.each(np.array(one)) for one in inside), default=np.inf)
        saved, size = least - part.cost(ops), -(-np.asarray(bound.arrays["weights"]).size // 8)
        if saved > 0:
            found.append((saved, bound.name, size))
    return [(name, size) for _, name, size in sorted(found, reverse=True)]
