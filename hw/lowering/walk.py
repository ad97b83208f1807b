"""State of the walk over a QONNX graph: what the rules read, and the integer graph that they build.

A rule (`registry.py`) returns the value of the node's output, None for a constant, and adds integer operators
where needed. What no rule can express exactly is refused by name.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import NodeProto, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints
from xnorforge.hw.any_width import as_width, whole_numbers

from .narrowing import Narrowed
from .registry import MAKERS, MEANINGS
from .values import Leaf, Node, Number, Value, fits_float32, of_leaf, reach_of


def refuse(node: NodeProto, why: str, instead: str) -> UserError:
    """The error for a node that cannot be lowered: node, reason, nearest form that works."""
    return UserError(f"{node.name} ({node.op_type}): {why}; {instead}.")


@dataclass
class Lowered:
    """An integer graph.

    Attributes:
        nodes: operators in order; leaves: every integer tensor by name, the first is the input.
        output: the scores as a value of one leaf.
        activations: {tensor of the QONNX graph: Value} of every quantiser.
        own: {leaf: the value that it was made for}.
        rounded: names of operators whose sums the reference rounds in float32, so that equality is verified
            by comparison and does not follow by construction.
        values: {tensor of the QONNX graph: Value}.
        narrowed: {leaf: Narrowed} of the sums that `narrowing.py` gave smaller factors.
        walked: the graph before it was rearranged, None if it was not.
        kept: {leaf: which channels of the walked graph it has}, of leaves without some (`pruning.py`); same:
            {leaf: which channel each channel of the walked graph equals}, of those in which some were merged.
    """

    nodes: list[Node]
    leaves: dict[str, Leaf]
    output: Value
    activations: dict[str, Value]
    rounded: list[str]
    own: dict[str, Value] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    narrowed: dict[str, Narrowed] = field(default_factory=dict)
    walked: "Lowered | None" = None
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    same: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def inputs(self) -> list[str]:
        """The leaf of the input."""
        return [next(iter(self.leaves))]

    @property
    def outputs(self) -> list[str]:
        """The leaf of the scores."""
        return [self.output.single[0]]

    def run(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every integer tensor for inputs (N, H, W, C): int64, or Python integers where the leaf is wider."""
        tensors = {next(iter(self.leaves)): np.asarray(x, np.int64)}
        for node in self.nodes:
            tensors[node.out] = self.run_node(node, tensors)
        return tensors

    def run_node(self, node: Node, tensors: dict[str, np.ndarray]) -> np.ndarray:
        """The result of one operator on its input tensors."""
        result = MEANINGS[node.op](*(tensors[name] for name in node.inputs), node.at)
        return as_width(result, self.leaves[node.out].bits)

    @property
    def makers(self) -> dict[str, Node]:
        """{leaf: the operator that produces it}, for the current graph."""
        return {node.out: node for node in self.nodes}

    def readers(self) -> dict[str, list[Node]]:
        """{leaf: the operators that read it, each once}, for the current graph."""
        found: dict[str, list[Node]] = {leaf: [] for leaf in self.leaves}
        for node in self.nodes:
            for leaf in dict.fromkeys(node.inputs):
                found.setdefault(leaf, []).append(node)
        return found

    def only(self, readers: list[Node], leaf: str) -> Node | None:
        """The only reader of a leaf; None if there are several, or if the leaf is the output."""
        return readers[0] if len(readers) == 1 and self.output.single[0] != leaf else None


class Walk:
    """Constants, quantised weights, values by tensor name, and the integer graph so far.

    `own` is {leaf: the value that it was made for}. `writable` names the nodes whose weights
    are replaced at run time. `borders` is {tensor: (pads, value)} of borders that the convolutions reading a
    tensor have to add: its value is that of the image without them."""

    def __init__(self, model: ModelWrapper, writable: Collection[str] = ()):
        self.model, self.writable = model, writable
        self.own: dict[str, Value] = {}
        self.constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.weights: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self.values: dict[str, Value] = {}
        self.nodes: list[Node] = []
        self.leaves: dict[str, Leaf] = {}
        self.activations: dict[str, Value] = {}
        self.rounded: dict[str, None] = {}
        self.makers: dict[str, Node] = {}
        self.counts: Counter[str] = Counter()  # operators so far
        self._names: Counter[str] = Counter()
        self.borders: dict[str, tuple[list[int], Fraction]] = {}
        self.layers = 0

    # Used by the rules.
    def value(self, node: NodeProto, index: int = 0, arrange: bool = True) -> Value:
        """The value of an input of the node; its elements in the usual place unless `arrange` is False."""
        name = node.input[index]
        if name not in self.values and name not in self.constants:
            why = "it reads the same tensor twice, and qonnx's clean-up drops one of the two"
            raise refuse(node, why, "use a constant factor")
        if name not in self.values:
            cure = "put the activation first and the constant second"
            raise refuse(node, f"input {index} is a constant", cure)
        value = self.values[name]
        if not arrange or value.view is None:
            return value
        found = MAKERS["arranged"](self, node, value)
        if value.view.ndim != 2:  # for all readers; a row has one axis less than its image
            self.values[name] = found
        return found

    def constant(self, node: NodeProto, index: int) -> np.ndarray | None:
        """A constant input of the node, None where it is absent."""
        if index >= len(node.input) or not node.input[index]:
            return None
        if node.input[index] not in self.constants:
            raise refuse(node, f"input {index} is not a constant", "export it as a constant")
        return self.constants[node.input[index]]

    def emit(
        self, op: str, inputs: Sequence[Leaf], shape: Ints, lo: ArrayLike, hi: ArrayLike, name: str,
        layer: str = "", order: np.ndarray | None = None, **at: Any,
    ) -> Leaf:  # fmt: skip
        """Add an integer operator and return the leaf of its output. `name` is made unique."""
        unique = name
        while unique in self.leaves:
            self._names[name] += 1
            unique = f"{name}_{self._names[name]}"
        low, high = (np.broadcast_to(whole_numbers(end), (shape[-1],)).copy() for end in (lo, hi))
        leaf = self.leaves[unique] = Leaf(unique, tuple(shape), low, high, layer or unique, order)
        self.nodes.append(Node(unique, op, [i.name for i in inputs], unique, at))
        self.makers[unique] = self.nodes[-1]
        self.counts[op] += 1
        return leaf

    def value_of(
        self, leaf: Leaf, scale: Number, offset: Number, reach: np.ndarray | None = None, parts: int = 1
    ) -> Value:
        """A n + B over a new leaf; records where the reference, which adds multiples of A / parts, rounds."""
        value = of_leaf(leaf, scale, offset, reach)
        _, a, b = value.start
        self.own.setdefault(leaf.name, value)
        if leaf.name not in self.rounded and not fits_float32(a / parts, b, reach_of(value)):
            self.rounded[leaf.name] = None
        return value

    def levels_of(self, leaf: Leaf, scale: Number, offset: Number) -> Value:
        """A n + B over a leaf of numbers that the reference computes exactly, not as sums."""
        value = of_leaf(leaf, scale, offset)
        ends = [(value.single[1] * end + value.offset).astype(np.float64) for end in (leaf.lo, leaf.hi)]
        return self.value_of(leaf, scale, offset, np.maximum(*map(abs, ends)))

    def per_channel(self, node: NodeProto, constant: ArrayLike, value: Value) -> np.ndarray:
        """A constant as ONNX broadcasts it against the value, one number per channel of its leaf;
        channels that the value's view leaves out get the number of the first."""
        constant = np.asarray(constant)
        if constant.size == 1:
            return np.full(value.channels, constant.reshape(-1)[0])
        own = (value.channels, *value.shape[:-1]) if value.view is None else value.view.shape
        shape, cure = (1, *own), "use one number per channel"
        try:
            full = np.broadcast_to(constant, shape)
        except ValueError:
            why = f"a constant of shape {constant.shape} changes the shape {shape}"
            raise refuse(node, why, cure) from None
        if value.view is None:
            flat = full.reshape(value.channels, -1)
            found, varies = flat[:, 0], flat != flat[:, :1]
            found = found if value.leaf.order is None else found[value.leaf.order]
        else:
            row, channels = full.reshape(-1), value.view.reshape(-1) % value.channels
            found = np.full(value.channels, row[0])
            found[channels] = row
            varies = found[channels] != row
        if varies.any():
            raise refuse(node, "its constant varies over the image", cure)
        return found
