"""A recurrent network that its author unrolled becomes a loop: one step, its states fed back."""

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.lowering.examples import random_leaf, random_steps, random_weights
from xnorforge.hw.lowering.registry import example, maker, meaning
from xnorforge.hw.lowering.values import IntegerGraph, Leaf, Node
from xnorforge.hw.lowering.walk import Lowered

from .lower_steps import LEAST_STEPS, PART, Steps, divisions, elements, without_equal_frames


@meaning("Loop")
def loop(x: np.ndarray, at: Record) -> np.ndarray:
    """The first state (N, elements) after all steps, each of which reads the next part of x (N, …)."""
    body: IntegerGraph = at["body"]
    ends = np.cumsum([body.leaves[name].channels for name in body.inputs[1:]])
    states = [np.broadcast_to(start, (len(x), len(start))) for start in np.split(at["start"], ends[:-1])]
    for part in x.reshape(len(x), at["steps"], -1).swapaxes(0, 1):
        states = body.run(part, *states)
    return states[0]


@maker("rolled")
def rolled(graph: Lowered) -> Lowered | None:
    """The graph with a loop in place of equal steps; None if it has none."""
    graph = without_equal_frames(graph)
    for source, readers in graph.readers().items():
        read = [elements(node) for node in readers]
        if len(readers) < LEAST_STEPS or not all(map(len, read)):
            continue
        for places in divisions(graph.leaves[source], read):
            steps = Steps(graph, source, places)
            if steps.repeat():
                return steps.replaced(IntegerGraph(steps.body, steps.leaves, steps.inputs, steps.outputs))
    return None


@example("Loop")
def _example(rng):
    """h = q(A x + B h); in half of the cases also g = p(B h), and h = q(A x + B h + g)."""
    size, units, steps = (int(n) for n in rng.integers(1, (6, 5, 6)))
    leaf = random_leaf(rng, (steps * size,), int(rng.integers(2, 9)))
    low, high = leaf.lo.reshape(steps, size).min(0), leaf.hi.reshape(steps, size).max(0)
    leaves, nodes = {PART: Leaf(PART, (size,), low, high)}, []

    def add(name, op, inputs, low, high, at):
        leaves[name] = Leaf(name, (units,), low, high)
        nodes.append(Node(name, op, inputs, name, at))

    def matrix(name, given):
        weights = random_weights(rng, (leaves[given].channels, units))
        ends = weights.T * leaves[given].lo, weights.T * leaves[given].hi
        low, high = np.minimum(*ends).sum(1), np.maximum(*ends).sum(1)
        add(name, "Dense", [given], low, high, {"weights": weights, "xnor": False, "top": 2**20})

    def levels(name, given, like):
        at = random_steps(rng, leaves[given].lo, leaves[given].hi, int(leaves[like].hi[0]))
        add(name, "Threshold", [given], leaves[like].lo, leaves[like].hi, at)

    states = ["h", "g"][: rng.integers(1, 3)]
    for name in states:
        leaves[name] = Leaf(name, (units,), np.zeros(units, int), np.full(units, rng.integers(2, 16)))
    matrix("ax", PART)
    matrix("bh", "h")
    terms = ["ax", "bh", *states[1:]]
    low, high = (sum(getattr(leaves[name], end) for name in terms) for end in ("lo", "hi"))
    add("sum", "Join", terms, low, high, {"multipliers": np.ones((len(terms), units), np.int64)})
    levels("next_h", "sum", "h")
    if states[1:]:
        levels("next_g", "bh", "g")
    body = IntegerGraph(nodes, leaves, [PART, *states], [f"next_{name}" for name in states])
    start = np.concatenate([rng.integers(0, leaves[name].hi + 1) for name in states])
    return [leaf], [("Loop", {"body": body, "steps": steps, "start": start})]
