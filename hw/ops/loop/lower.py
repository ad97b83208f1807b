"""A recurrent network that its author unrolled becomes a loop: one step, its states fed back."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from xnorforge.core.types import Record
from xnorforge.hw.lowering.emit import Emission
from xnorforge.hw.lowering.examples import random_leaf, random_steps, random_weights
from xnorforge.hw.lowering.nodes import IntegerNode
from xnorforge.hw.lowering.registry import MEANINGS, emission, example, maker, meaning
from xnorforge.hw.lowering.values import Leaf, Node
from xnorforge.hw.lowering.walk import Lowered

from .lower_steps import LEAST_STEPS, PART, Steps, divisions, elements, without_equal_frames


@dataclass
class Body:
    """One step of a loop.

    Attributes:
        nodes: operators in order; leaves: every integer tensor by name.
        inputs: a step's part of the sequence, then the states.
        outputs: the states after it, in the same order.
    """

    nodes: list[Node]
    leaves: dict[str, Leaf]
    inputs: list[str]
    outputs: list[str]

    def run(self, *given: np.ndarray) -> list[np.ndarray]:
        """The states (N, elements) after a step, from its inputs."""
        tensors = dict(zip(self.inputs, given))
        for node in self.nodes:
            tensors[node.out] = MEANINGS[node.op](*(tensors[name] for name in node.inputs), node.at)
        return [tensors[name] for name in self.outputs]


@meaning("Loop")
def loop(x: np.ndarray, at: Record) -> np.ndarray:
    """The first state (N, elements) after all steps, each of which reads the next part of x (N, …)."""
    body: Body = at["body"]
    ends = np.cumsum([body.leaves[name].channels for name in body.inputs[1:]])
    states = [np.broadcast_to(start, (len(x), len(start))) for start in np.split(at["start"], ends[:-1])]
    for part in x.reshape(len(x), at["steps"], -1).swapaxes(0, 1):
        states = body.run(part, *states)
    return states[0]


class Loop(IntegerNode):
    """`body` on each of `steps` parts and the states, from `start` on; its result is the first state."""

    numbers: ClassVar[dict[str, str]] = {"steps": "i"}
    arrays: tuple[str, ...] = ("start",)

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        body: dict[str, tuple] = {"body": ("g", True, None)}
        return super().get_nodeattr_types() | body

    def execute_node(self, context: dict[str, np.ndarray], _graph: object) -> None:
        body = ModelWrapper(helper.make_model(self.get_nodeattr("body")))
        names = [one.name for one in body.graph.input]
        shapes = [body.get_tensor_shape(name) for name in names]
        x, start = (context[name] for name in self.onnx_node.input)
        given = np.split(start, np.cumsum([np.prod(shape) for shape in shapes[1:]])[:-1])
        for part in x.reshape(self.get_nodeattr("steps"), -1):
            values = (one.reshape(shape) for one, shape in zip((part, *given), shapes))
            given = [*execute_onnx(body, dict(zip(names, values))).values()]
        context[self.onnx_node.output[0]] = given[0]


@emission("Loop")
def _emit(emission, node, inputs, out) -> None:
    body: Body = node.at["body"]
    graph = Emission(body, body.inputs, body.outputs).model().graph
    emission.put_own("Loop", node, inputs, out, body=graph)


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
                return steps.replaced(Body(steps.body, steps.leaves, steps.inputs, steps.outputs))
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
    body = Body(nodes, leaves, [PART, *states], [f"next_{name}" for name in states])
    start = np.concatenate([rng.integers(0, leaves[name].hi + 1) for name in states])
    return [leaf], [("Loop", {"body": body, "steps": steps, "start": start})]
