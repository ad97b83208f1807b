"""A recurrent network that its author unrolled becomes a loop: one step, its states fed back."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xnorforge.flows.lower.emit import Emission
from xnorforge.flows.lower.nodes import IntegerNode
from xnorforge.flows.lower.registry import MEANINGS, emission, maker, meaning
from xnorforge.flows.lower.values import Leaf, Node
from xnorforge.flows.lower.walk import Lowered

from .steps import LEAST_STEPS, Steps, divisions, elements, merged


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
def loop(x, at):
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
    arrays = ("start",)

    def get_nodeattr_types(self):
        body: dict[str, tuple] = {"body": ("g", True, None)}
        return super().get_nodeattr_types() | body


@emission("Loop")
def _emit(emission, node, inputs, out) -> None:
    body: Body = node.at["body"]
    graph = Emission(body, body.inputs, body.outputs).model().graph
    emission.put_own("Loop", node, inputs, out, body=graph)


@maker("rolled")
def rolled(graph: Lowered) -> Lowered | None:
    """The graph with a loop in place of equal steps; None if it has none."""
    graph = merged(graph)
    for source, readers in graph.readers().items():
        read = [elements(node) for node in readers]
        if len(readers) < LEAST_STEPS or not all(map(len, read)):
            continue
        for places in divisions(graph.leaves[source], read):
            steps = Steps(graph, source, places)
            if steps.repeat():
                return steps.replaced(Body(steps.body, steps.leaves, steps.inputs, steps.outputs))
    return None
