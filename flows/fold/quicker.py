"""A folding with a shorter latency at the same interval: consecutive operators that could use it all are
made faster, or registers between their levels of logic left out, where that is cheap."""

from collections.abc import Callable
from math import inf

from xnorforge.flows.fold.fifo_sizing import frame_latency
from xnorforge.flows.fold.options import RESOURCES, Option, Options
from xnorforge.flows.fold.search import Choice, excess

LEVELS = 2  # next smaller cycle counts that are considered for each operator and step


def quicker(
    choice: Choice, options: list[Options], limits: dict[str, float],
    price: Callable[[Choice], float], levels: int = 0,
) -> tuple[Choice, float]:  # fmt: skip
    """Make operators faster, one at a time, each time the one that saves the most cycles for its price.

    Args:
        choice: the starting point.
        options: of every operator in order; one whose folding was given stays.
        limits: of each of `RESOURCES`, and "latency", cycles from the first beat in to the last beat out.
        price: the quantity to keep small.
        levels: additions or comparisons that fit between two registers.

    Returns:
        The first choice found that keeps the latency, or the last one within the limits; and its latency,
        which is inf, without being computed, if it is not limited.
    """
    if limits["latency"] == inf:
        return choice, inf
    latency = frame_latency(choice.operators())
    while latency > limits["latency"]:
        steps = []
        for place, some in enumerate(options):
            now = choice.options[place]
            for option in (*faster(some, now), *sooner(some, now, levels)):
                found = Choice.of((*choice.options[:place], option, *choice.options[place + 1 :]))
                if found is None or excess(found.amounts, limits):
                    continue
                saved = latency - frame_latency(found.operators())
                if saved > 0:
                    steps.append(((price(found) - price(choice)) / saved, saved, found))
        if not steps:
            break
        _, saved, choice = min(steps, key=lambda step: step[:2])
        latency -= saved
    return choice, latency


def faster(some: Options, now: Option) -> list[Option]:
    """Options within the next few cycle counts below an option's own, each the smallest in one resource."""
    if some.fixed:
        return []
    found: dict[int, Option] = {}
    for level in sorted({one for one in some.cycles if one < now.cycles}, reverse=True)[:LEVELS]:
        within = some.within(level)
        for resource in range(len(RESOURCES)):
            least = min(within, key=lambda one, r=resource: (one.amounts[r], one.amounts))
            found[id(least)] = least
    return list(found.values())


def sooner(some: Options, now: Option, levels: int) -> list[Option]:
    """Options with an option's streams and cycles that answer earlier: other structures, fewer registers."""
    if some.fixed or (latency := now.op.latency()) is None:
        return []
    found = [one for one in some.as_adders(now.cycles) if one.lanes == now.lanes and one.cycles <= now.cycles]
    for one in (now, *found):
        if one not in some.sooner:
            others = [Option.of(some.bound.connected(op)) for op in one.op.sooner(levels)]
            some.sooner[one] = some.ports.joined(others, now.cycles)
        found = [*found, *some.sooner[one]]
    return [one for one in found if (one.op.latency() or inf) < latency]
