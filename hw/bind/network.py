"""What the binding rules see: the integer graph, and the operators that already produce its tensors."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from xnorforge.core.plugins import load, names
from xnorforge.core.types import Record
from xnorforge.hw.lowering.tensors import Connected, Placed
from xnorforge.hw.lowering.values import Graph
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.streams import kind_of


@dataclass
class Bound:
    """A planned operator: its class by name, its attributes without simd and pe, its constants.

    Attributes:
        nodes: the operators of the integer graph that it implements.
        inputs, outputs: names of the tensors between operators; every tensor has one reader.
        body: the operators that it consists of, whose folding is its own (flows/fold/bodies.py).
        pages: their constants by operator, for each time that the body runs, if they differ.
    """

    op: str
    name: str
    attributes: Record
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    nodes: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    body: list["Bound"] = field(default_factory=list)
    pages: list[dict[str, dict[str, np.ndarray]]] = field(default_factory=list)

    def make(self, **folding: Any) -> HwOp:
        """The operator with the given simd, pe, between its tensors."""
        return self.connected(self.make_alone(**folding))

    def connected(self, op: HwOp) -> HwOp:
        """An unconnected operator, placed between the tensors."""
        op.onnx_node.input[: op.inputs] = self.inputs
        op.onnx_node.output[:] = self.outputs
        return op

    def make_alone(self, **folding: Any) -> HwOp:
        """The same operator before it has its tensors."""
        return OPS[self.op].make(self.name, self.arrays, **self.attributes, **folding)

    def by(self, op: HwOp) -> "Bound":
        """The same nodes as another, unconnected operator, between the same tensors."""
        attributes = {one.name: op.get_nodeattr(one.name) for one in op.onnx_node.attribute}
        return replace(self, op=type(op).__name__, name=op.name, attributes=attributes, arrays=op.arrays_of)


Taken: TypeAlias = tuple[list[Any], list[Bound]] | None  # see registry.takes


def is_width(attribute: str) -> bool:
    """Whether an attribute of operators is a width of integers, which a wider one may replace."""
    return attribute.endswith("bits")


def widest(*given: Any) -> Any:
    """The greatest of each of some numbers or lists of numbers, or the one value of all."""
    if all(one == given[0] for one in given):
        return given[0]
    return np.max(given, 0).tolist()


_CLASSES = [load("hw.ops", name).Op for name in names("hw.ops")]
OPS: dict[str, type[HwOp]] = {op.__name__: op for op in _CLASSES}


class Network(Connected):
    """An integer graph and, by tensor, the operator that produces it."""

    def __init__(self, graph: Graph):
        super().__init__(graph)
        self.source: dict[str, Bound] = {}
        self.same: dict[str, str] = {}  # tensors that are another one

    def placed(self, nodes: list[Placed], made: list[Bound]) -> list[Bound]:
        """Assign tensors to operators: in sequence from the first node's input to the last node's outputs,
        unless a rule says otherwise. Without operators the nodes pass their input on."""
        if nodes and not made:
            self.same[nodes[-1].output[0]] = self.tensor(nodes[0].input[0])
        inside = nodes[0].input[0] if nodes else ""
        for one in made:
            one.inputs = [self.tensor(name) for name in one.inputs or [inside]]
            inside = f"{one.name}_out"
            inside = f"{one.name}_inner" if inside in self.leaf else inside
            one.outputs = one.outputs or (list(nodes[-1].output) if one is made[-1] else [inside])
            self.source.update(dict.fromkeys(one.outputs, one))
        return made

    def tensor(self, name: str) -> str:
        """The tensor that a name refers to."""
        return self.same.get(name, name)

    def producer(self, name: str) -> Bound | None:
        """The operator that produces a tensor, None for the input of the network."""
        return self.source.get(self.tensor(name))

    def shape(self, name: str) -> list[int]:
        """Shape of one frame."""
        return list(self.leaf[name].shape)

    def kind(self, name: str) -> tuple[int, bool]:
        """Bits and sign of an element as the operator produces it, which may be wider than lowered."""
        stream = self.stream(name)
        return (stream.bits, stream.signed) if stream is not None else self.declared(name)

    def width(self, name: str, of: str = "in_") -> dict[str, int]:
        """The same as attributes of an operator that reads it, whose names begin with `of`."""
        bits, signed = self.kind(name)
        return {f"{of}bits": bits, f"{of}signed": int(signed)}

    def stream(self, name: str) -> Stream | None:
        """The stream of the operator that produces a tensor; None for the input of the network."""
        before = self.producer(name)
        return before.make().out_streams()[before.outputs.index(self.tensor(name))] if before else None

    def declared(self, name: str) -> tuple[int, bool]:
        """Bits and sign of the integers, for an operator whose width is set from outside."""
        return kind_of(*self.leaf[name].range)
