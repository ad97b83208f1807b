"""Whether the first step of an unrolled network is the body of all others on a state of zeros.

Every leaf of the body becomes a sum of leaves of step 0 and a constant: constants pass through sums, products
and matrices. A comparison of the body is one of step 0 if their levels are equal for all numbers that both
read, which are tried. What step 0 has no counterpart of, because zeros make it useless, stays an unknown
number; all states must come out without unknowns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.registry import MEANINGS
from xnorforge.hw.lowering.values import Leaf, Node

MOST_TRIED = 2**22  # combinations of the numbers that a comparison reads, of all channels


@dataclass(frozen=True)
class Form:
    """sum_k factors[k] n_k + constant over leaves, Python integers (channels,)."""

    constant: np.ndarray
    factors: dict[str, np.ndarray]

    @property
    def leaf(self) -> str:
        """The leaf that it is, "" if it is more or less than that."""
        if len(self.factors) != 1 or any(self.constant):
            return ""
        ((name, factor),) = self.factors.items()
        return name if (factor == 1).all() else ""

    def __mul__(self, factor: np.ndarray) -> "Form":
        return _form(self.constant * factor, {name: one * factor for name, one in self.factors.items()})

    def __add__(self, other: "Form") -> "Form":
        names = dict.fromkeys((*self.factors, *other.factors))
        sums = {name: self.factors.get(name, 0) + other.factors.get(name, 0) for name in names}
        return _form(self.constant + other.constant, sums)


def _form(constant: np.ndarray, factors: Record) -> Form:
    return Form(constant, {name: one for name, one in factors.items() if np.any(one)})


def first_is_equal(steps, first: list[tuple[Node, Node]], wanted: list[str]) -> bool:
    """Whether the body of `steps` (lower_steps.Steps) makes the leaves `wanted` of its first states.

    Args:
        first: operators of step 0, and the same as they would be in a body.
    """
    return [form.leaf for form in _First(steps, first).states()] == wanted


class _First:
    def __init__(self, steps, first: list[tuple[Node, Node]]):
        self.steps, self.first = steps, first
        self.leaves: dict[str, Leaf] = dict(steps.graph.leaves)
        self.makers = {node.out: node for node, _ in first}
        self.forms: dict[str, Form] = {}

    def states(self) -> list[Form]:
        """The states after the body on the first ones."""
        for name, start in zip(self.steps.inputs[1:], self.steps.start):
            self.forms[name] = Form(start.astype(object), {})
        for node in self.steps.body:
            self.forms[node.out] = self._of(node)
        return [self.forms[name] for name in self.steps.outputs]

    def _of(self, node: Node) -> Form:
        given = [self.forms[name] for name in node.inputs if name in self.forms]
        constants = [form.constant for form in given if not form.factors]
        if given and len(constants) == len(node.inputs):
            result = MEANINGS[node.op](*(whole_numbers(one)[None] for one in constants), node.at)
            return Form(np.asarray(result[0], object), {})
        if node.op == "Join":
            return self._sum(node, self.forms.__getitem__)
        if node.op == "Product" and constants and not node.at["xnor"]:
            (other,) = (form for form in given if form.factors)
            return other * constants[0]
        name = self._counterpart(node, given)
        if not name:
            name = f"{node.out} of the body"
            self.leaves[name] = self.steps.leaves[node.out]
        return self._alone(name)

    def _alone(self, name: str) -> Form:
        zero = np.zeros(self.leaves[name].channels, object)
        return Form(zero, {name: zero + 1})

    def _sum(self, node: Node, form_of: Callable[[str], Form]) -> Form:
        terms = zip(node.inputs, node.at["multipliers"].astype(object))
        return reduce(Form.__add__, (form_of(name) * factor for name, factor in terms))

    def _expanded(self, name: str) -> Form:
        """A leaf of step 0 over the leaves that its sums add."""
        node = self.makers.get(name)
        return self._alone(name) if node is None or node.op != "Join" else self._sum(node, self._expanded)

    def _counterpart(self, node: Node, given: list[Form]) -> str:
        """The leaf of step 0 that is the same function of the same leaves, "" if there is none."""
        inputs = [self.forms[name].leaf if name in self.forms else name for name in node.inputs]
        for one, other in self.first:
            if other.op != node.op or self.leaves[one.out].shape != self.steps.leaves[node.out].shape:
                continue
            if "thresholds" in node.at:
                if self._levels_equal((node, given[0]), (other, self._expanded(other.inputs[0]))):
                    return one.out
                continue
            same = inputs == other.inputs or (node.op == "Product" and inputs[::-1] == other.inputs)
            if same and all(np.array_equal(node.at[key], other.at[key]) for key in node.at):
                return one.out
        return ""

    def _levels_equal(self, *pair: tuple[Node, Form]) -> bool:
        """Whether two comparisons have equal levels for all numbers of the leaves that they add up."""
        names = sorted({name for _, form in pair for name in form.factors})
        ends = [(self.leaves[name].lo.tolist(), self.leaves[name].hi.tolist()) for name in names]
        channels = len(pair[0][1].constant)
        tried = (prod(high[c] - low[c] + 1 for low, high in ends) for c in range(channels))
        if sum(tried) > MOST_TRIED:
            return False
        for channel in range(channels):
            found = []
            for node, form in pair:
                terms = [np.array([form.constant[channel]], object)]
                for name, (low, high) in zip(names, ends):
                    factor = form.factors[name][channel] if name in form.factors else 0
                    terms.append(np.arange(low[channel], high[channel] + 1).astype(object) * factor)
                sums = whole_numbers(reduce(np.add.outer, terms).reshape(-1, 1))
                at = {key: node.at[key][channel : channel + 1] for key in ("thresholds", "direction")}
                found.append(MEANINGS[node.op](sums, at))
            if not np.array_equal(*found):
                return False
        return True
