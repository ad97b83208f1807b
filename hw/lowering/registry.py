"""What the lowering knows about operators. Each operator registers its own part in `hw/ops/<name>/lower.py`.

    rule       ONNX operators -> the function that adds one of their nodes to the integer graph
    meaning    operator of the integer graph -> what it computes, in numpy
    arithmetic ONNX operators -> what one of their nodes computes, in exact arithmetic (`exact.py`)
    maker      a task that the engine delegates without knowing which operator does it ("sum", "levels", …)
    tidying    a rearrangement of the whole integer graph; lower order numbers run first
    swap       operator of the integer graph -> how levels after it are moved before it
    negatable  operator of the integer graph -> the constant that is negated with its channels
    per channel operator of the integer graph -> constants with a row per channel, which affects no other one
    example    operator of the integer graph -> random instances of it, for its conformance test
    tail       ONNX operators after the scores -> what the host computes instead

The engine's own modules register what needs no operator of ours: constants per channel, reshapes, matrices.
"""

from collections.abc import Callable
from typing import Any

from xnorforge.core.types import F, Record

RULES: dict[str, Callable[..., Any]] = {}
MEANINGS: dict[str, Callable[..., Any]] = {}
MAKERS: dict[str, Callable[..., Any]] = {}
TIDYINGS: list[tuple[int, Callable[..., Any]]] = []
SWAPS: dict[str, Callable[..., Any]] = {}
NEGATABLE: dict[str, str] = {}
PER_CHANNEL: dict[str, tuple[str, ...]] = {}
EXAMPLES: dict[str, Callable[..., Any]] = {}
# Functions after the last layer that the host computes, by the ONNX operator (`tails.py`).
TAILS: Record = {}
# ONNX operators whose results are elements of their first input: moves and maxima.
CHOOSING: set[str] = set()
ARITHMETIC: dict[str, Callable[..., Any]] = {}
# How to replace a float operator that has no rule, by the operator's name.
CURES: dict[str, str] = {}


def rule(*ops: str) -> Callable[[F], F]:
    """Register `function(walk, node, at) -> Value` for these ONNX operators; `at` holds the attributes."""
    return _entered(RULES, ops)


def arithmetic(*ops: str) -> Callable[[F], F]:
    """Register `function(network, node, at) -> Exact` for these ONNX operators; without one, qonnx
    runs them in float32 on exact numbers."""
    return _entered(ARITHMETIC, ops)


def meaning(*ops: str) -> Callable[[F], F]:
    """Register `function(input, …, at)` on int64 arrays, channels last, of integer-graph operators."""
    return _entered(MEANINGS, ops)


def maker(task: str) -> Callable[[F], F]:
    """Register the function that does a task of the engine; `MAKERS[task]` calls it."""
    return _entered(MAKERS, [task])


def swap(op: str) -> Callable[[F], F]:
    """Register `function(graph, node, levels) -> bool`: adapt a node and the levels, its only
    reader, to the other order, levels first; False if the result would not be the same."""
    return _entered(SWAPS, [op])


def example(op: str) -> Callable[[F], F]:
    """Register `function(rng) -> (leaves, row)`: the operator on random integers (see `examples.py`)."""
    return _entered(EXAMPLES, [op])


def tidying(order: int) -> Callable[[F], F]:
    """Register `function(graph)`, which rearranges an integer graph in place; low numbers run first."""

    def enter(function):
        TIDYINGS.append((order, function))
        TIDYINGS.sort(key=lambda entry: entry[0])
        return function

    return enter


def _entered(table: dict[str, Callable[..., Any]], names):
    def enter(function):
        table.update(dict.fromkeys(names, function))
        return function

    return enter
