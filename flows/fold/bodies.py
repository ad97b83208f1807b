"""The folding of a body that an operator runs several times per frame: the smallest that is quick enough.

The steps of a loop follow each other, so a step takes as long as one frame takes through the whole body, and
not as long as the body's slowest operator.
"""

from collections.abc import Callable
from dataclasses import replace

from xnorforge.flows.bind import Bound
from xnorforge.flows.fold.options import converters
from xnorforge.flows.fold.search import Part, cheapest, fastest, options_of
from xnorforge.hw.graph import graph_of
from xnorforge.hw.ops.base import HwOp

SLACK = 0.8  # of the cycles of an operator, in a try after one that is too slow


def with_bodies(
    bounds: list[Bound], interval: int, part: Part, finish: Callable[[list[HwOp]], list[HwOp]], adders: bool
) -> list[Bound] | None:
    """The operators, bodies folded for an interval, in cycles per frame.

    Args:
        finish: adds FIFOs. Others as of `search`.

    Returns:
        None if a body cannot be that quick.
    """
    found = [_folded(one, interval, part, finish, adders) if one.body else one for one in bounds]
    kept = [one for one in found if one is not None]
    return kept if len(kept) == len(found) else None


def _folded(bound: Bound, interval: int, part: Part, finish, adders: bool) -> Bound | None:
    options = options_of(bound.body, {}, adders)
    least, _ = fastest(options)
    limit = interval // bound.attributes["steps"]
    while limit >= least:
        choice = cheapest(options, limit, part.weights)
        assert choice is not None
        graph = bound.attributes["body"]
        inputs, outputs = ([one.name for one in side] for side in (graph.input, graph.output))
        ops, outputs = _one_form(choice.operators(), inputs, outputs)
        body = graph_of(finish(ops), graph.name, inputs, outputs)
        found = replace(bound, attributes=bound.attributes | {"body": body})
        if found.make().cycles() <= interval:
            return found
        limit = int(limit * SLACK)
    return None


def _one_form(ops: list[HwOp], inputs: list[str], outputs: list[str]) -> tuple[list[HwOp], list[str]]:
    """The operators, with width converters after states that are read in other beats; and the states."""
    taken = {name: stream for op in ops for name, stream in zip(op.sources, op.in_streams())}
    made = {name: stream for op in ops for name, stream in zip(op.results, op.out_streams())}
    names = []
    for state, name in zip(inputs[1:], outputs, strict=True):
        last = name
        for width in converters(f"{name}_again", made[name], taken[state]) or ():
            width.onnx_node.input[0], last = last, width.onnx_node.output[0]
            ops = [*ops, width]
        names.append(last)
    return ops, names
