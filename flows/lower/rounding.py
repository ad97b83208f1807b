"""How far float32 may be from the exact scores of a network, whatever order it adds in.

A float32 sum of n terms is off by at most (n - 1) * 2^-24 of the sum of their magnitudes (Higham, Accuracy
and Stability of Numerical Algorithms, 2002, section 4.2), and onnxruntime adds in another order for another
batch size. Behind the last quantisers, whose levels are exact, a score is one such sum with a few factors.
"""

from math import prod

import numpy as np

from .walk import Lowered

UNIT = 2.0**-24  # relative error of one float32 operation


def bound(graph: Lowered, operations: int) -> np.ndarray:
    """Largest error of each score, float64 per channel of the network's output.

    Args:
        graph: of the network; operations: nodes of the network, each of which may round once more.
    """
    leaf, scale = graph.output.single
    lo, hi = graph.leaves[leaf].lo.astype(np.float64), graph.leaves[leaf].hi.astype(np.float64)
    scale, offset = abs(scale.astype(np.float64)), abs(graph.output.offset.astype(np.float64))
    magnitude = scale * (hi - lo + np.maximum(abs(lo), abs(hi))) + offset
    order = graph.leaves[leaf].order
    found = (_terms(graph, leaf) + operations) * UNIT * magnitude
    return found if order is None else found[np.argsort(order)]


def _terms(graph: Lowered, leaf: str) -> int:
    """Numbers added up between the last quantisers and an integer of the leaf."""
    terms = {next(iter(graph.leaves)): 1}
    for node in graph.nodes:
        if "thresholds" in node.at:
            terms[node.out] = 1
            continue
        read = sum(prod(graph.leaves[name].shape) for name in node.inputs)
        own = -(-read // prod(graph.leaves[node.out].shape))
        if "weights" in node.at:
            own = node.at["weights"].size // graph.leaves[node.out].channels
        elif "kernel" in node.at:
            own = prod(node.at["kernel"])
        terms[node.out] = own + max(terms[name] for name in node.inputs)
    return terms[leaf]
