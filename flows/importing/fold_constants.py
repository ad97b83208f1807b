"""Constant folding for foreign graphs; the size of every tensor is known before it is allocated.

One pass over the graph, node by node: shapes follow from the input shapes and from small constants, operators
that read only constants are executed, and operators that the output does not depend on are dropped.
qonnx's clean-up also folds constants, but it restarts at the beginning of the graph after each one and
executes operators whatever their size. After this pass it finds only operators on the shapes of activations.
"""

from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from xnorforge.core.errors import UserError
from xnorforge.core.limits import most
from xnorforge.flows.clean_up import leave_entries, set_entries
from xnorforge.flows.importing.graph_checks import too_many
from xnorforge.flows.importing.model_file import node_text, within
from xnorforge.flows.qonnx_execution import Runner

STANDARD = ("", "ai.onnx")
KEPT = ("QuantizeLinear", "DequantizeLinear")  # quantisers of weights, whose scale is needed
PASSING = ("Identity", "Dropout")
SMALL = 1024  # elements of a constant that may define a shape


def fold_constants(path: Path, model: ModelProto) -> None:
    """Fold a model's constants in place; afterwards its nodes are in execution order.

    Raises:
        UserError: more operators, or larger tensors, than the limits allow.
    """
    _drop_unread(model)
    _pass_by(model)
    sizes = _Sizes(path, model)
    rest = sum(not sizes.expected_constant(node) for node in model.graph.node)
    if rest > most("NODES"):
        raise too_many(path, f"after constant folding, it has {rest:,} operators", most("NODES"))
    left = [node for node in model.graph.node if not sizes.folded(node)]
    ends = {entry.name for entry in model.graph.output}
    if len(left) == len(model.graph.node) or ends & sizes.constants:
        return
    read = {name for node in left for name in node.input}
    given = {tensor.name for tensor in model.graph.initializer}
    set_entries(model.graph.node, left)
    names = [name for name in sizes.constants if name in read and name not in given]
    model.graph.initializer.extend(numpy_helper.from_array(sizes.values[name], name) for name in names)
    _drop_unread(model)


class _Sizes:
    """What is known of a graph's tensors so far.

    Attributes:
        types: {tensor: (element type, shape)}; a batch of unknown size counts as one frame.
        values: values of constants, and of shapes of activations; constants: names of the former.
        total: number of elements in all tensors.
    """

    def __init__(self, path: Path, model: ModelProto):
        self.path, self.total = path, 0
        self.sets = [one for one in model.opset_import if one.domain in STANDARD]
        self.version, self.runner = model.ir_version, Runner(model)
        self.types: dict[str, tuple[int, list[int]]] = {}
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self.values: dict[str, np.ndarray] = {}
        self.constants = set(self.tensors)
        self._expected = set(self.tensors) | {""}
        for name, tensor in self.tensors.items():
            self._note(name, tensor.data_type, list(tensor.dims))
        for entry in model.graph.input:
            sizes = [axis.dim_value for axis in entry.type.tensor_type.shape.dim]
            if entry.name not in self.types and sizes and all(sizes[1:]):
                self._note(entry.name, entry.type.tensor_type.elem_type, [1, *sizes[1:]])

    def expected_constant(self, node: NodeProto) -> bool:
        """Whether a node reads only constants or shapes, judging by the graph."""
        if node.domain in STANDARD and (node.op_type == "Shape" or self._expected.issuperset(node.input)):
            self._expected.update(node.output)
            return True
        return False

    def folded(self, node: NodeProto) -> bool:
        """Record a node's result; returns whether it was executed because all of its inputs are constant."""
        self._infer(node)
        if node.domain not in STANDARD or node.op_type in KEPT:
            return False
        given = [name for name in node.input if name]
        if node.op_type == "Shape" and given[0] in self.types and not node.attribute:
            self.values[node.output[0]] = np.array(self.types[given[0]][1], np.int64)
        elif all(name in self.values or name in self.tensors for name in given):
            self._run(node)
            if self.constants.issuperset(given):
                self.constants.update(name for name in node.output if name)
                return True
        return False

    def value(self, name: str) -> np.ndarray:
        """The value of a constant."""
        if name not in self.values:
            self.values[name] = numpy_helper.to_array(self.tensors[name])
        return self.values[name]

    def _note(self, name: str, kind: int, shape: list[int]) -> None:
        within(self.path, f"'{name}'", shape)
        self.types[name] = kind, shape
        self.total += prod(shape)
        within(self.path, "the total of all tensors of a frame", [self.total])

    def _alone(self, node: NodeProto) -> ModelProto:
        """A model of one node."""
        model = ModelProto(ir_version=self.version, opset_import=self.sets)
        model.graph.name = "one"
        model.graph.node.append(node)
        model.graph.output.extend(ValueInfoProto(name=name) for name in node.output if name)
        return model

    def _infer(self, node: NodeProto) -> None:
        """Record the shapes of a node's outputs, as far as they can be inferred."""
        if node.domain not in STANDARD:  # quantisers, and Interact
            if node.input[:1] and node.input[0] in self.types:
                for name in node.output:
                    self._note(name, *self.types[node.input[0]])
            return
        if not self.types.keys() >= set(filter(None, node.input)):
            return
        model = self._alone(node)
        for name in dict.fromkeys(filter(None, node.input)):
            kind, shape = self.types[name]
            model.graph.input.append(helper.make_tensor_value_info(name, kind, shape))
            if prod(shape) <= SMALL and (name in self.values or name in self.tensors):
                model.graph.initializer.append(numpy_helper.from_array(self.value(name), name))
        found = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        for entry in found.graph.output:
            kind = entry.type.tensor_type
            if kind.HasField("shape") and all(axis.HasField("dim_value") for axis in kind.shape.dim):
                sizes = [axis.dim_value for axis in kind.shape.dim]
                if any(size < 0 for size in sizes):
                    raise UserError(
                        f"{self.path}: {node_text(node)} has the output shape {sizes}; "
                        "export the network again."
                    )
                self._note(entry.name, kind.elem_type, sizes)

    def _run(self, node: NodeProto) -> None:
        """Run a node on its input values."""
        if node.op_type.startswith("Random") or node.op_type in ("Bernoulli", "Multinomial"):
            raise UserError(
                f"{self.path}: {node_text(node)} produces random numbers, different in every run; export the "
                "network with constants instead."
            )
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            self.values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            return
        tensors = {name: self.value(name) for name in filter(None, node.input)}
        self.runner.run(node, tensors)
        for name in filter(None, node.output):
            self.values[name] = found = np.asarray(tensors[name])
            if name not in self.types:
                self._note(name, helper.np_dtype_to_tensor_dtype(found.dtype), list(found.shape))


def _drop_unread(model: ModelProto) -> None:
    """Drop nodes and constants that the output does not need."""
    graph = model.graph
    needed, left = {entry.name for entry in graph.output}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            left.append(node)
    constants = {tensor.name for tensor in graph.initializer}
    if len(left) < len(graph.node):
        set_entries(graph.node, left[::-1])
    leave_entries(graph.initializer, lambda one: one.name in needed)
    leave_entries(graph.input, lambda one: one.name in needed or one.name not in constants)


def _pass_by(model: ModelProto) -> None:
    """Connect the readers of an identity operator to its input; one that produces an output stays."""
    graph, ends = model.graph, {entry.name for entry in model.graph.output}
    instead: dict[str, str] = {}
    left = []
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
        if node.domain in STANDARD and node.op_type in PASSING and not ends.intersection(node.output):
            instead[node.output[0]] = node.input[0]
        else:
            left.append(node)
    if instead:
        set_entries(graph.node, left)
