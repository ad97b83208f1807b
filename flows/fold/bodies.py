"""The folding of a body that an operator runs several times per frame: the smallest that is quick enough.

The steps of a loop follow each other, so a step takes as long as one frame takes through the whole body, and
not as long as the body's slowest operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import inf

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows.fold.options import Option, Options, converters
from xnorforge.flows.fold.search import Part, cheapest, options_of
from xnorforge.hw.bind import OPS, Bound
from xnorforge.hw.bind.registry import LOOPINGS
from xnorforge.hw.graph import graph_of
from xnorforge.hw.ops.base import HwOp

AT_ENDS = 16  # part of the interval in which a whole frame may be taken, if that is possible
WORTH = 2 / 3  # of what layers take apart, from which on a loop, whose frames wait longer, is not taken
SLACK = 0.8  # of the cycles of an operator, in a try after one that is too slow


def with_bodies(
    bounds: list[Bound], interval: int, part: Part, finish: Callable[[list[HwOp]], list[HwOp]],
    given: Mapping[str, Record] | None = None,
) -> list[Bound] | None:  # fmt: skip
    """The operators, bodies folded for an interval, in cycles per frame; None if one cannot be that quick.

    Args:
        part: the reference for the area; finish: adds FIFOs.
        given: {operator: {"interval": another one}}.
    """
    own = {name: one.get("interval", interval) for name, one in (given or {}).items()}
    found = [_folded(one, own.get(one.name, interval), part, finish) if one.body else one for one in bounds]
    return None if None in found else [one for one in found if one]


def with_layers(
    bounds: list[Bound], interval: int, part: Part, finish: Callable[[list[HwOp]], list[HwOp]],
    always: bool = False, known: dict[tuple, Options] | None = None,
) -> list[Bound]:  # fmt: skip
    """The operators, with loops in place of layers of one form where these keep an interval, in cycles per
    frame, and take clearly less of the part, or `always`. A loop takes and gives a frame at once, and so may
    need another one in front of it and behind it.

    Args:
        part, finish: as of `with_bodies`; known: as of `options_of`.
    """
    found: list[list[Bound]] = [[one] for one in bounds]
    for places, loop in (pair for one in LOOPINGS for pair in one(bounds)):
        try:
            folded = _folded(loop, interval, part, finish)
        except UserError:  # an operator is another module with other constants
            continue
        if folded is None:
            continue
        op = folded.make()
        if not always:
            its = part.cost([op, *_frames(op)])
            options = options_of(bounds[places.start : places.stop], {}, True, known=known)
            if not _clearly_less(its, options, interval, part, finish):
                continue
        for place in places:
            found[place] = [folded] if place == places.start else []
    return [one for some in found for one in some]


def _frames(op: HwOp) -> list[HwOp]:
    """What holds a frame in front of an operator and one behind it."""
    fifo, ends = OPS["Fifo"].make, (op.in_stream(), op.out_stream())
    return [fifo(shape=list(s.shape), lanes=s.lanes, bits=s.bits, depth=s.beats) for s in ends]


def _clearly_less(cost: float, options: list[Options], interval: int, part: Part, finish) -> bool:
    """Whether a cost is clearly less than that of operators without a loop. FIFOs, whose depths
    take longest to find, are added only if it is less without them."""
    choice = cheapest(options, interval, part.price())
    if choice is None:
        return True
    apart = choice.operators()
    return cost < part.cost(apart) and cost < WORTH * part.cost(finish(apart))


def _folded(bound: Bound, interval: int, part: Part, finish) -> Bound | None:
    options = options_of(bound.body, {}, True)
    graph = bound.attributes["bodies"][0]
    limit, least = interval // bound.attributes["steps"], max(one.fastest for one in options)
    inputs, outputs = ([one.name for one in side] for side in (graph.input, graph.output))
    most = interval // AT_ENDS if bound.pages else inf
    while limit >= least:
        choice = cheapest(options, limit, part.price(), extra=partial(_unless_longer, inputs, most))
        choice = choice or cheapest(options, limit, part.price())
        assert choice is not None
        if (body := _one_form(choice.operators(), inputs, outputs, bound.pages)) is not None:
            ops, ends = body
            ops = finish(ops)
            own = ([page.get(op.name, op.arrays_of) for op in ops] for page in bound.pages or [{}])
            pages = ([type(op)(op.onnx_node, arrays_of=its) for op, its in zip(ops, page)] for page in own)
            attributes = {"bodies": [graph_of(page, graph.name, inputs, ends) for page in pages]}
            found = replace(bound, attributes=bound.attributes | attributes)
            if found.make().cycles() <= interval:
                return found
        limit = int(limit * SLACK)
    return None


def _unless_longer(tensors: list[str], most: float, _place: int, one: Option) -> float:
    """Forbids an option that takes some of the tensors in more than `most` beats."""
    return inf if any(one.takes[name].beats > most for name in tensors if name in one.takes) else 0.0


def _one_form(
    ops: list[HwOp], inputs: list[str], outputs: list[str], pages: list[dict[str, Record]]
) -> tuple[list[HwOp], list[str]] | None:
    """The operators, with width converters after states that are read in other beats, and the states; None if
    no converter can join them, or one has other constants than its pages, as adders have."""
    if any(page.get(op.name, op.arrays_of).keys() != op.arrays_of.keys() for page in pages for op in ops):
        return None
    taken = {name: stream for op in ops for name, stream in zip(op.sources, op.in_streams())}
    made = {name: stream for op in ops for name, stream in zip(op.results, op.out_streams())}
    ops, ends = [*ops], []
    for state, name in zip(inputs[-len(outputs) :], outputs, strict=True):
        widths = converters(f"{name}_again", made[name], taken[state])
        if widths is None:
            return None
        for width in widths:
            width.onnx_node.input[0], name = name, width.onnx_node.output[0]
            ops.append(width)
        ends.append(name)
    return ops, ends
