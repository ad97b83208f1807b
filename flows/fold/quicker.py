"""A folding with a shorter latency at the same interval: operators that could take the whole interval, but
stand behind one another, are made faster where that is cheap.
"""

from collections.abc import Callable
from math import inf

from xnorforge.flows.fold.fronts import RESOURCES, ROUNDING, Choice, Joins, Option
from xnorforge.flows.fold.latency import frame_latency

LEVELS = 2  # next smaller numbers of cycles that are looked at, of each operator and step


def quicker(
    choice: Choice,
    options: list[list[Option]],
    limits: dict[str, float],
    price: Callable[[Choice], float],
    given: frozenset[str] = frozenset(),
) -> tuple[Choice, float]:
    """Make operators faster, one after the other, each time the one that saves most cycles for its price.

    Args:
        choice: where it begins.
        options: of every operator in order.
        limits: the most of each of `RESOURCES`, and "latency", cycles of a frame from its first beat in to
            its last beat out.
        price: what is kept small.
        given: names of operators whose folding stays.

    Returns:
        The first choice on the way that keeps the latency, or the last one within the limits; its latency,
        which nobody looks up where it is not limited: inf.
    """
    if limits["latency"] == inf:
        return choice, inf
    joins = Joins()
    latency = frame_latency(choice.operators())
    while latency > limits["latency"]:
        steps = []
        for place, some in enumerate(options):
            if some[0].op.name in given:
                continue
            for option in faster(some, choice.options[place]):
                found = with_option(choice, place, option, joins)
                if found is None or any(found.amounts[n] > limits[n] + ROUNDING for n in RESOURCES):
                    continue
                saved = latency - frame_latency(found.operators())
                if saved > 0:
                    steps.append(((price(found) - price(choice)) / saved, saved, found))
        if not steps:
            break
        _, saved, choice = min(steps, key=lambda step: step[:2])
        latency -= saved
    return choice, latency


def faster(some: list[Option], now: Option) -> list[Option]:
    """Of the next numbers of cycles below an option's own, the options that are smallest in one resource."""
    levels = sorted({one.cycles for one in some if one.cycles < now.cycles}, reverse=True)[:LEVELS]
    found: dict[int, Option] = {}
    for level in levels:
        alike = [one for one in some if one.cycles == level]
        for resource in range(len(RESOURCES)):
            least = min(alike, key=lambda one, r=resource: (one.amounts[r], one.amounts))  # type: ignore[misc]
            found[id(least)] = least
    return list(found.values())


def with_option(choice: Choice, place: int, option: Option, joins: Joins) -> Choice | None:
    """The choice with another option at a place; None where no width converter joins it to its neighbours."""
    options = (*choice.options[:place], option, *choice.options[place + 1 :])
    amounts = joins.total(options)
    return None if amounts is None else Choice(amounts, options)
