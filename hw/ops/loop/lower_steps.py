"""Equal steps of an integer graph.

Before:  step 0 -> states -> step 1 -> states -> … -> the last step -> one state
After:   a loop, whose body is one step
Why:     a step reads its own part of a sequence and the states of the step before. Steps are equal if their
         operators are, with the same constants. What the exporter left out of the first step, because zeros
         contribute nothing, is proved to make no difference (`lower_first.py`).
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.values import Leaf, Node
from xnorforge.hw.lowering.walk import Lowered
from xnorforge.hw.streams import divisors

from .lower_first import first_is_equal

LEAST_STEPS = 3  # the first, one that the others equal, and the last
PART = "part"  # the body's leaf of the sequence


def without_equal_frames(graph: Lowered) -> Lowered:
    """The graph with equal frames of one tensor only once."""
    known: dict[tuple, str] = {}
    same: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        node = replace(node, inputs=[same.get(name, name) for name in node.inputs])
        if node.op == "Reshape":
            order = graph.leaves[node.out].order
            key = (*node.inputs, *node.at["frame"], *([] if order is None else order.tolist()))
            same[node.out] = known.setdefault(key, node.out)
        if same.get(node.out, node.out) == node.out:
            nodes.append(node)
    return replace(graph, nodes=nodes)


def elements(node: Node) -> np.ndarray:
    """Which elements of a vector a matrix reads; none of another operator."""
    return np.flatnonzero(node.at["weights"].any(1)) if node.op == "Dense" else np.arange(0)


def divisions(leaf: Leaf, read: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Divisions of a frame into parts of which every reader reads one, shortest parts first: places (parts,
    elements of one) in the frame, in either direction of time."""
    many = prod(leaf.shape)
    for size in divisors(many):
        for places in (np.arange(many).reshape(-1, size), np.arange(many).reshape(size, -1).T):
            part = np.empty(many, np.int64)
            part[places] = np.arange(len(places))[:, None]
            parts = [set(part[one].tolist()) for one in read]
            single = all(len(one) == 1 for one in parts)
            if single and len(places) >= LEAST_STEPS and len(set.union(*parts)) == len(places):
                yield places
                yield places[::-1]


def attributes_of(node: Node, places: np.ndarray) -> Record:
    """The attributes of a matrix for a part of the sequence."""
    return node.at | {"weights": node.at["weights"][places]}


class Steps:
    """The operators of an integer graph by step.

    Attributes:
        source: leaf of the sequence; places: as of `divisions`.
        step: {leaf: its step}, -1 for those that do not depend on the sequence.
        signatures: {leaf: what makes it}, equal for equal operators of different steps.
        of: per step, {signature: operator}.
        body, leaves, inputs, outputs, start: the body, an `IntegerGraph`, and its first states.
        result: leaf of the state that others read.
    """

    def __init__(self, graph: Lowered, source: str, places: np.ndarray):
        self.graph, self.source, self.places, self.count = graph, source, places, len(places)
        self.step: dict[str, int] = dict.fromkeys(graph.leaves, -1)
        self.signatures: dict[str, Any] = {source: PART}
        self.of: list[dict[Any, Node]] = [{} for _ in places]
        self.odd: set[str] = set()  # leaves of operators that are part of no step
        self.body: list[Node] = []
        self.leaves: dict[str, Leaf] = {}
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.start: list[np.ndarray] = []
        self.inside: set[str] = set()  # leaves of all steps
        self.result: str = ""
        for node in graph.nodes:
            self.step[node.out] = self._earliest(node)
        self._move_on()
        for node in graph.nodes:
            self._enter(node)

    def _earliest(self, node: Node) -> int:
        if self.source in node.inputs:
            return int(np.argwhere(self.places == elements(node)[0])[0, 0])
        return max(self.step[name] for name in node.inputs)

    def _move_on(self) -> None:
        """What follows from levels and only the next step reads moves there, if levels are fewer bits."""
        leaves, readers = self.graph.leaves, self.graph.readers()

        def size(name: str) -> int:
            return leaves[name].bits * leaves[name].channels

        for name in [node.out for node in self.graph.nodes if "thresholds" in node.at]:
            step, derived = self.step[name], {name}
            for node in self.graph.nodes:
                if self.step[node.out] == step and derived.issuperset(node.inputs):
                    derived.add(node.out)
            derived.remove(name)
            while stay := [
                out
                for out in derived
                if not readers[out]
                or any(self.step[n.out] <= step and n.out not in derived for n in readers[out])
            ]:
                derived.difference_update(stay)
            kept = [out for out in derived if any(self.step[n.out] > step for n in readers[out])]
            there = any(self.step[n.out] > step for n in readers[name])
            if kept and (there or size(name) <= sum(map(size, kept))):
                self.step |= dict.fromkeys(derived, step + 1)

    def _enter(self, node: Node) -> None:
        step, at = self.step[node.out], node.at
        if step < 0:
            return
        if self.source in node.inputs:
            at = attributes_of(node, self.places[step])
        inputs = [self._read(name, step) for name in node.inputs]
        arrays = [(key, np.asarray(value)) for key, value in sorted(at.items())]
        made = (node.op, tuple((key, x.shape, tuple(x.reshape(-1).tolist())) for key, x in arrays), *inputs)
        if None in inputs or made in self.of[step]:
            self.odd.add(node.out)
            return
        self.signatures[node.out] = made
        self.of[step][made] = node

    def _read(self, name: str, step: int):
        """An input in a signature; None for one that is neither of the step nor a state."""
        if name == self.source or self.step[name] == step:
            return self.signatures.get(name)
        return "state" if self.step[name] == step - 1 >= 0 else None

    def repeat(self) -> bool:
        """Whether all steps are equal; then the body is known."""
        *middle, last = self.of[1:]
        model = middle[-1]
        early = any(self.step[leaf] < self.count - 1 for leaf in self.odd)
        if early or any(one.keys() != model.keys() for one in middle):
            return False
        self.of[-1] = {made: node for made, node in last.items() if made in model}
        self.inside = {node.out for nodes in self.of for node in nodes.values()}
        firsts, made = self._states(), self._read_behind()
        if made is None or made not in firsts:
            return False
        self._make_body(model, [made, *(one for one in firsts if one != made)], firsts)
        if not all(map(self._within, self.inputs[1:], self.outputs)):
            return False
        at_first = [(node, self._in_body(node)) for node in self.of[0].values()]
        return first_is_equal(self, at_first, [firsts[self.signatures[name]] for name in self.outputs])

    def _read_behind(self) -> Any:
        """The signature of the only leaf of the last step that others read; None if they read any else."""
        others = [name for node in self.graph.nodes if node.out not in self.inside for name in node.inputs]
        read = self.inside.intersection((*others, self.graph.output.single[0]))
        if len(read) != 1:
            return None
        (self.result,) = read
        return self.signatures[self.result] if self.step[self.result] == self.count - 1 else None

    def _states(self) -> dict[Any, str]:
        """{signature of what makes a state: its leaf of step 0}; empty if steps read different ones."""
        read: dict[tuple, Any] = {}
        found: dict[Any, str] = {}
        for step in (*range(2, self.count), 1):
            for made, node in self.of[step].items():
                for port, name in enumerate(node.inputs):
                    if name == self.source or self.step[name] != step - 1:
                        continue
                    state = self.signatures.get(name) if step > 1 else read.get((made, port))
                    if state is None or read.setdefault((made, port), state) != state:
                        return {}
                    if step == 1 and found.setdefault(state, name) != name:
                        return {}
        return found

    def _make_body(self, model: dict[Any, Node], states: list, firsts: dict[Any, str]) -> None:
        before = self.of[self.count - 3]
        self.inputs = [PART, *(before[made].out if self.count > 3 else firsts[made] for made in states)]
        self.outputs = [model[made].out for made in states]
        self.body = [self._in_body(node) for node in model.values()]
        names = (*self.inputs[1:], *(node.out for node in model.values()))
        low, high = self._range()
        self.leaves = {PART: Leaf(PART, self.places.shape[1:], low, high)}
        self.leaves |= {name: self.graph.leaves[name] for name in names}
        self.start = [self._zero(self.leaves[name]) for name in self.inputs[1:]]

    def _within(self, before: str, after: str) -> bool:
        """Whether a state that the body reads has the range of the one that it makes, in all steps."""
        leaf, made = self.leaves[before], self.signatures[after]
        others = [self.graph.leaves[nodes[made].out] for nodes in self.of[1:] if made in nodes]
        ends = [(one.lo >= leaf.lo).all() and (one.hi <= leaf.hi).all() for one in others]
        return all(ends) and np.array_equal(leaf.lo, self.leaves[after].lo)

    def _in_body(self, node: Node) -> Node:
        if self.source not in node.inputs:
            return node
        return replace(node, inputs=[PART], at=attributes_of(node, self.places[self.step[node.out]]))

    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        leaf = self.graph.leaves[self.source]
        low, high = (np.broadcast_to(end, leaf.shape).reshape(-1)[self.places] for end in (leaf.lo, leaf.hi))
        return low.min(0), high.max(0)

    def _zero(self, leaf: Leaf) -> np.ndarray:
        """The integers of a leaf that stand for 0, or next to it."""
        own = self.graph.own.get(leaf.name)
        if own is None:
            return np.zeros(leaf.channels, np.int64)
        _, scale, offset = own.start
        near = [round(-b / a) if a else 0 for a, b in zip(scale, offset)]
        return np.clip(whole_numbers(near), leaf.lo, leaf.hi)

    def replaced(self, body) -> Lowered:
        """The graph with a loop in place of the steps; `body` is an `IntegerGraph`."""
        graph, order = self.graph, self.places.reshape(-1)
        at = {"body": body, "steps": self.count, "start": np.concatenate(self.start)}
        made = [Node(f"{self.result}_loop", "Loop", [self.source], self.result, at)]
        gone = self.inside - {self.result}
        leaves = {name: leaf for name, leaf in graph.leaves.items() if name not in gone}
        if (order != np.arange(len(order))).any():
            low, high = (np.tile(end, self.count) for end in self._range())
            leaf = Leaf(f"{self.source}_in_time", order.shape, low, high)
            shapes = {"before": list(graph.leaves[self.source].shape), "behind": list(order.shape)}
            made[0].inputs = [leaf.name]
            made.insert(0, Node(leaf.name, "Permute", [self.source], leaf.name, shapes | {"places": order}))
            leaves[leaf.name] = leaf
        nodes: list[Node] = []
        for node in graph.nodes:
            nodes += made if node.out == self.result else [] if node.out in self.inside else [node]
        return replace(graph, nodes=nodes, leaves=leaves)
