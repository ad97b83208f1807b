"""Bound on the float32 error of a network's numbers, whatever the order of its additions.

A float32 sum of n terms is off by at most (n - 1) * 2^-24 of the sum of their magnitudes (Higham, Accuracy
and Stability of Numerical Algorithms, 2002, section 4.2), and onnxruntime adds in a different order for a
different batch size. After a quantiser, whose levels are exact, a number is one such sum with a few factors.
Where sums of branches meet, only one's terms count, because each bound grows with its own magnitude.
"""

from fractions import Fraction
from math import ceil, prod

import numpy as np

from xnorforge.hw.lowering.exact import UNIT
from xnorforge.hw.lowering.values import Node, Value, reach_of
from xnorforge.hw.lowering.walk import Lowered


def bound(graph: Lowered, operations: int) -> np.ndarray:
    """Largest error of each score, float64 per channel of the network's output.

    Args:
        graph: of the network; operations: number of nodes of the network, each of which may round once more.
    """
    value = graph.output
    name = value.single[0]
    found = (_terms(graph, name) + operations) * UNIT * reach_of(value)
    order = graph.leaves[name].order
    return found if order is None else found[np.argsort(order)]


def slack(graph: Lowered, value: Value, operations: int) -> np.ndarray | None:
    """By how many integers of the value's base the reference may be off, per channel; None where
    float32 represents all of them. Arguments as for `bound`."""
    name, a, _ = value.start
    if not _rounds(graph, name, graph.makers):
        return None
    assert value.reach is not None
    error = (_terms(graph, name) + operations) * UNIT * value.reach
    leaf = graph.leaves[name]
    most = leaf.hi.astype(object) - leaf.lo + 1
    far = np.isinf(error)
    off = [ceil(Fraction(float(e)) / abs(x)) if x else 0 for e, x in zip(np.where(far, 0, error), a)]
    return np.where(far, most, np.minimum(np.array(off, object), most))


def _rounds(graph: Lowered, leaf: str, makers: dict[str, Node]) -> bool:
    """Whether the reference may round before a leaf; one only moved (`replay`) is treated like its origin."""
    waiting, seen = [leaf], {leaf}
    while waiting:
        name = waiting.pop()
        if name in graph.own:
            if name in graph.rounded:
                return True
            continue
        inputs = makers[name].inputs if name in makers else []
        waiting += [one for one in inputs if one not in seen]
        seen.update(inputs)
    return False


def _terms(graph: Lowered, leaf: str) -> int:
    """Number of terms between the last quantisers and an integer of the leaf; 1 if they fit float32."""
    terms: dict[str, int] = {}
    waiting, makers = [leaf], graph.makers
    while waiting:  # without recursion, as a graph may be 20,000 nodes deep
        name = waiting[-1]
        node = makers.get(name)
        if node is None or "thresholds" in node.at or not _rounds(graph, name, makers):
            terms[waiting.pop()] = 1
            continue
        missing = [one for one in node.inputs if one not in terms]
        if missing:
            waiting.append(missing[0])
            continue
        read = sum(prod(graph.leaves[one].shape) for one in node.inputs)
        own = -(-read // prod(graph.leaves[name].shape))
        if "weights" in node.at:
            own = node.at["weights"].size // graph.leaves[name].channels
        elif "kernel" in node.at:
            own = prod(node.at["kernel"])
        terms[waiting.pop()] = own + max(terms[one] for one in node.inputs)
    return terms[leaf]
