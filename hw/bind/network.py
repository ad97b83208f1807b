"""What the binding rules see: the lowered graph, and the operators that already produce its tensors."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.core.errors import UserError
from xnorforge.core.indexed_model import indexed
from xnorforge.core.plugins import load, names
from xnorforge.core.types import Record
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.ops.base import HwOp, Stream


@dataclass
class Bound:
    """A planned operator: its class by name, its attributes without simd and pe, its constants.

    Attributes:
        nodes: the lowered nodes that it implements.
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


class Network:
    """A lowered graph and, by tensor, the operator that produces it."""

    def __init__(self, model: ModelWrapper):
        self.model = indexed(model)
        self.source: dict[str, Bound] = {}
        self.same: dict[str, str] = {}  # tensors that are another one

    def placed(self, nodes: list[NodeProto], made: list[Bound]) -> list[Bound]:
        """Assign tensors to operators: in sequence from the first node's input to the last node's outputs,
        unless a rule says otherwise. Without operators the nodes pass their input on."""
        if nodes and not made:
            self.same[nodes[-1].output[0]] = self.tensor(nodes[0].input[0])
        inside = nodes[0].input[0] if nodes else ""
        for one in made:
            one.inputs = [self.tensor(name) for name in one.inputs or [inside]]
            inside = f"{one.name}_inner"
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
        return list(self.model.get_tensor_shape(name))[1:]

    def kind(self, name: str) -> tuple[int, bool]:
        """Bits and sign of an element as the operator produces it, which may be wider than lowered."""
        stream = self.stream(name)
        if stream is not None:
            return stream.bits, stream.signed
        given = self.model.get_tensor_datatype(name)
        return given.bitwidth(), given.signed()

    def width(self, name: str, of: str = "in_") -> dict[str, int]:
        """The same as attributes of an operator that reads it, whose names begin with `of`."""
        bits, signed = self.kind(name)
        return {f"{of}bits": bits, f"{of}signed": int(signed)}

    def stream(self, name: str) -> Stream | None:
        """The stream of the operator that produces a tensor; None for the input of the network."""
        before = self.producer(name)
        return before.make().out_streams()[before.outputs.index(self.tensor(name))] if before else None

    def declared(self, name: str) -> tuple[int, int]:
        """Bits and sign of the lowered tensor, for an operator whose width is set from outside."""
        given = self.model.get_tensor_datatype(name)
        return given.bitwidth(), int(given.signed())

    def constant(self, name: str) -> np.ndarray:
        """An initialiser, None for a tensor that is not constant."""
        return self.model.get_initializer(name)

    def integers(self, name: str) -> np.ndarray:
        """An initialiser of whole numbers of any width; floats are rounded up."""
        given = self.constant(name)
        return whole_numbers(np.ceil(given) if given.dtype.kind == "f" else given)

    def check_readers(self) -> None:
        """Check that every tensor has one reader or is an output; lowering inserts forks for more readers.

        Raises:
            UserError: a tensor has several readers.
        """
        for tensor in (name for node in self.model.graph.node for name in node.output):
            readers = [one.name for one in self.model.find_consumers(tensor)]
            if len(readers) > 1:
                raise UserError(
                    f"{tensor}: {' and '.join(readers)} both read it; insert a DuplicateStreams node."
                )

    def reader(self, node: NodeProto) -> Any:
        """The node that reads the only output of this one; None if there is not exactly one."""
        readers = self.model.find_consumers(node.output[0]) if len(node.output) == 1 else []
        return readers[0] if len(readers) == 1 else None


def get(node: NodeProto, attribute: str, default: Any = None) -> Any:
    """An attribute of a lowered node, else `default`, or, if that is None, the operator's own default."""
    for stated in node.attribute:
        if stated.name == attribute:
            value = helper.get_attribute_value(stated)
            return value.decode() if isinstance(value, bytes) else value
    if default is not None:
        return default
    return getCustomOp(node).get_nodeattr(attribute)  # loads FINN's operators, and torch with them: 3 s


def ints(node: NodeProto, attribute: str) -> list[int]:
    """A list of numbers."""
    return [int(value) for value in get(node, attribute)]
