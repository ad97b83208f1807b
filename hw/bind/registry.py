"""What binding knows about operators. Each operator registers its own part in `hw/ops/<name>/bind.py`.

takes      operators of the integer graph -> a function that takes such a node, or leaves it to the next
ending     what may follow the last operator, by the requested output
finishing  a rearrangement of all bound operators
looping    operators of one form in a chain that one of them can take the place of
"""

from collections.abc import Callable
from typing import Any

from xnorforge.core.types import F

# Products with constant weights, which several operators build.
MATRICES = ("Dense", "Conv", "RatesConv")
TAKERS: dict[str, list[tuple[int, Callable[..., Any]]]] = {}
ENDINGS: dict[str, Callable[..., Any]] = {}
FINISHINGS: list[Callable[..., Any]] = []
LOOPINGS: list[Callable[..., Any]] = []


def takes(*kinds: str, rank: int = 0) -> Callable[[F], F]:
    """Register `function(network, node)` for operators of the integer graph.

    It returns the nodes that it takes and the operators that implement them (`network.Bound`), or None if
    another operator has to take the node. Functions of low rank are asked first: the narrower the form of a
    node that an operator builds, the lower its rank."""

    def enter(function):
        for kind in kinds:
            TAKERS.setdefault(kind, []).append((rank, function))
            TAKERS[kind].sort(key=lambda entry: entry[0])
        return function

    return enter


def ending(output: str) -> Callable[[F], F]:
    """Register `function(last, scale, bias) -> list[Bound]`: the operators after the last one."""

    def enter(function):
        ENDINGS[output] = function
        return function

    return enter


def finishing(function: F) -> F:
    """Register `function(bounds) -> bounds`, applied when every node is taken."""
    FINISHINGS.append(function)
    return function


def looping(function: F) -> F:
    """Register `function(bounds)`, which yields ranges of places in `bounds` and the operators for them."""
    LOOPINGS.append(function)
    return function
