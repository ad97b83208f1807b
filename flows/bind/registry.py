"""What binding knows about operators. Each operator enters its own part in `hw/ops/<name>/bind.py`.

takes      nodes of `lowered.onnx` -> a function that takes such a node, or leaves it to the next one
ending     what may follow the last operator, by the output that was asked for
finishing  a rearrangement of all bound operators
"""

from collections.abc import Callable

TAKERS: dict[str, list[tuple[int, Callable]]] = {}
ENDINGS: dict[str, Callable] = {}
FINISHINGS: list[Callable] = []


def takes(*kinds: str, rank: int = 0):
    """Enter `function(network, node)` for lowered nodes of these kinds.

    It returns the nodes that it takes and the operators that stand for them (`network.Bound`), or None where
    another operator has to. Functions of low rank are asked first: the narrower a form of the node an
    operator builds, the lower its rank.
    """

    def enter(function):
        for kind in kinds:
            TAKERS.setdefault(kind, []).append((rank, function))
            TAKERS[kind].sort(key=lambda entry: entry[0])
        return function

    return enter


def ending(output: str):
    """Enter `function(last, scale, bias) -> list[Bound]`: what follows the last operator for this output."""

    def enter(function):
        ENDINGS[output] = function
        return function

    return enter


def finishing(function):
    """Enter `function(bounds) -> bounds`, applied when every node is taken."""
    FINISHINGS.append(function)
    return function
