"""What the lowering knows about operators. Each operator enters its own part in `hw/ops/<name>/lower.py`.

    rule       ONNX operators -> the function that takes one of their nodes into the integer graph
    meaning    operator of the integer graph -> what it computes, in numpy
    emission   operator of the integer graph -> its nodes of `lowered.onnx`; an operator that is a node of our
               own domain (`nodes.py`) needs none
    maker      a task that the engine hands out without knowing which operator does it ("sum", "levels", …)
    tidying    a rearrangement of the whole integer graph, in the order of its number
    swap       operator of the integer graph -> how levels behind it are taken in front of it
    negatable  operator of the integer graph -> the constant that is negated with its channels
    example    operator of the integer graph -> random instances of it, for its conformance test
    tail       ONNX operators behind the scores -> what the host computes instead

The engine's own modules enter what makes no operator of ours: constants per channel, reshapes, matrices.
"""

from collections.abc import Callable
from typing import Any

RULES: dict[str, Callable] = {}
MEANINGS: dict[str, Callable] = {}
EMISSIONS: dict[str, Callable] = {}
MAKERS: dict[str, Callable] = {}
TIDYINGS: list[tuple[int, Callable]] = []
SWAPS: dict[str, Callable] = {}
NEGATABLE: dict[str, str] = {}
EXAMPLES: dict[str, Callable] = {}
# Functions behind the last layer that the host computes, by the ONNX operator (`tails.py`).
TAILS: dict[str, Any] = {}
# A cure for a float operator that has no rule, by the operator's name.
CURES: dict[str, str] = {}


def rule(*ops: str):
    """Enter `function(walk, node, at) -> Value` for these ONNX operators; `at` are the node's attributes."""
    return _entered(RULES, ops)


def meaning(*ops: str):
    """Enter `function(input, …, at)` on int64 arrays, channels last, for operators of the integer graph."""
    return _entered(MEANINGS, ops)


def emission(*ops: str):
    """Enter `function(emission, node, inputs, out)`, which puts the nodes that give the tensor `out`."""
    return _entered(EMISSIONS, ops)


def maker(task: str):
    """Enter the function that does a task of the engine; `MAKERS[task]` calls it."""
    return _entered(MAKERS, [task])


def swap(op: str):
    """Enter `function(graph, node, levels) -> bool`: adapt a node and the levels that alone read it to the
    other order, levels first; False where that would not be the same.
    """
    return _entered(SWAPS, [op])


def example(op: str):
    """Enter `function(rng) -> (leaves, row)`: the operator on random integers, as `examples.py` says."""
    return _entered(EXAMPLES, [op])


def tidying(order: int):
    """Enter `function(graph)`, which rearranges an integer graph in place; low numbers run first."""

    def enter(function):
        TIDYINGS.append((order, function))
        TIDYINGS.sort(key=lambda entry: entry[0])
        return function

    return enter


def _entered(table: dict[str, Callable], names):
    def enter(function):
        table.update(dict.fromkeys(names, function))
        return function

    return enter
