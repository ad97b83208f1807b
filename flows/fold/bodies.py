"""The folding of a body that an operator runs several times per frame: the smallest that is quick enough.

The steps of a loop follow each other, so a step takes as long as one frame takes through the whole body, and
not as long as the body's slowest operator.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from xnorforge.flows.bind import Bound
from xnorforge.flows.fold.options import converters
from xnorforge.flows.fold.search import Part, cheapest, fastest, options_of
from xnorforge.hw.graph import graph_of
from xnorforge.hw.ops.base import HwOp

SLACK = 0.8  # of the cycles of an operator, in a try after one that is too slow


def with_bodies(
    bounds: list[Bound],
    interval: int,
    part: Part,
    finish: Callable[[list[HwOp]], list[HwOp]],
    given: Mapping[str, dict] | None = None,
) -> list[Bound] | None:
    """The operators, bodies folded for an interval, in cycles per frame; None if one cannot be that quick.

    Args:
        part: the reference for the area; finish: adds FIFOs.
        given: {operator: {"interval": another one}}.
    """
    own = {name: one.get("interval", interval) for name, one in (given or {}).items()}
    found = [_folded(one, own.get(one.name, interval), part, finish) if one.body else one for one in bounds]
    return None if None in found else [one for one in found if one]


def _folded(bound: Bound, interval: int, part: Part, finish) -> Bound | None:
    options = options_of(bound.body, {}, True)
    limit, (least, _) = interval // bound.attributes["steps"], fastest(options)
    graph = bound.attributes["body"]
    inputs, outputs = ([one.name for one in side] for side in (graph.input, graph.output))
    while limit >= least:
        choice = cheapest(options, limit, part.weights)
        assert choice is not None
        if (body := _one_form(choice.operators(), inputs, outputs)) is not None:
            ops, ends = body
            attributes = {"body": graph_of(finish(ops), graph.name, inputs, ends)}
            found = replace(bound, attributes=bound.attributes | attributes)
            if found.make().cycles() <= interval:
                return found
        limit = int(limit * SLACK)
    return None


def _one_form(ops: list[HwOp], inputs: list[str], outputs: list[str]) -> tuple[list[HwOp], list[str]] | None:
    """The operators, with width converters after states that are read in other beats, and the states; None if
    no converter can join them.
    """
    taken = {name: stream for op in ops for name, stream in zip(op.sources, op.in_streams())}
    made = {name: stream for op in ops for name, stream in zip(op.results, op.out_streams())}
    ops, ends = [*ops], []
    for state, name in zip(inputs[1:], outputs, strict=True):
        widths = converters(f"{name}_again", made[name], taken[state])
        if widths is None:
            return None
        for width in widths:
            width.onnx_node.input[0], name = name, width.onnx_node.output[0]
            ops.append(width)
        ends.append(name)
    return ops, ends
