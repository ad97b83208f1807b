"""`lowered.onnx`: the integer graph as a file, one node per operator; this module is their ONNX domain.

Channels last, batch 1. Node `<node>` writes tensor `<node>_out`. Its arrays are constants `<node>_<array>`
behind its input tensors, in the order of its attribute `arrays`; all else that it needs are attributes.
Numbers beyond 64 bits are decimal text. Every tensor is annotated with its qonnx data type and, as "range",
the least and the greatest integer of each channel, so that a file gives the same graph again.

The nodes run like any qonnx operator: by the meaning of the operator.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import AttributeProto, GraphProto, NodeProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import parts
from xnorforge.core.types import Record
from xnorforge.hw.any_width import FLOAT32_BITS, stored, whole_numbers, width_of
from xnorforge.hw.graph import graph_proto
from xnorforge.hw.ops.base import CustomOp
from xnorforge.hw.streams import kind_of

from .registry import MEANINGS
from .values import Graph, IntegerGraph, Leaf, Node

DOMAIN = __name__
NODES: dict[str, type["IntegerNode"]] = {}
KINDS = {
    AttributeProto.INT: "i", AttributeProto.INTS: "ints", AttributeProto.STRING: "s",
    AttributeProto.STRINGS: "strings", AttributeProto.GRAPH: "g",
}  # fmt: skip


def type_of(lo: ArrayLike, hi: ArrayLike) -> str:
    """The narrowest qonnx data type that holds lo .. hi."""
    bits, signed = kind_of(int(np.min(lo)), int(np.max(hi)))
    return f"INT{bits}" if signed else "BINARY" if bits == 1 else f"UINT{bits}"


def as_onnx(graph: Graph) -> ModelWrapper:
    """The ONNX model of an integer graph."""
    model = qonnx_make_model(_as_proto(graph, "lowered"), producer_name="xnorforge")
    return ModelWrapper(model, fix_missing_initializer_valueinfo=False)


def read_graph(path: Path) -> IntegerGraph:
    """The integer graph of a file that holds what `as_onnx` made.

    Raises:
        UserError: another version of this project wrote the file.
    """
    graph = onnx.load(str(path)).graph
    if any(node.domain != DOMAIN for node in graph.node):
        raise UserError(f"{path}: another version of xnorforge wrote this file; lower the network again.")
    return _of_proto(graph)


def as_node(name: str, op: str, inputs: list[str], output: str, at: Record) -> tuple[NodeProto, Record]:
    """A node of the domain, and its constants by name."""
    arrays = {key: value for key, value in at.items() if isinstance(value, np.ndarray)}
    others = {key: _stated(value) for key, value in at.items() if value is not None and key not in arrays}
    others |= {"arrays": [*arrays]} if arrays else {}
    constants = {f"{name}_{key}": value for key, value in arrays.items()}
    given = [*inputs, *constants]
    return helper.make_node(op, given, [output], name=name, domain=DOMAIN, **others), constants


def _as_proto(graph: Graph, name: str) -> GraphProto:
    tensors = dict(zip(graph.inputs, graph.inputs)) | {node.out: f"{node.name}_out" for node in graph.nodes}
    nodes, constants, shapes, notes = [], {}, {}, {}
    for leaf, tensor in tensors.items():
        one = graph.leaves[leaf]
        ends = json.dumps([[int(n) for n in end] for end in (one.lo, one.hi)])
        shapes[tensor], notes[tensor] = [1, *one.shape], {"finn_datatype": type_of(*one.range), "range": ends}
    for node in graph.nodes:
        inputs, out = [tensors[leaf] for leaf in node.inputs], tensors[node.out]
        made, arrays = as_node(node.name, node.op, inputs, out, node.at)
        nodes.append(made)
        constants |= {key: stored(array) for key, array in arrays.items()}
    ends = [[tensors[leaf] for leaf in side] for side in (graph.inputs, graph.outputs)]
    return graph_proto(name, nodes, ends, shapes, notes, constants)


def _of_proto(graph: GraphProto) -> IntegerGraph:
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    made = {node.output[0]: node.output[0].removesuffix("_out") for node in graph.node}
    shapes = {one.name: one for one in (*graph.input, *graph.value_info, *graph.output)}
    leaves = {}
    for note in graph.quantization_annotation:
        name = made.get(note.tensor_name, note.tensor_name)
        (known,) = (one.value for one in note.quant_parameter_tensor_names if one.key == "range")
        shape = [side.dim_value for side in shapes[note.tensor_name].type.tensor_type.shape.dim][1:]
        low, high = (whole_numbers(np.array(end, object)) for end in json.loads(known))
        leaves[name] = Leaf(name, tuple(shape), low, high)
    nodes = []
    for node in graph.node:
        count, at = _at(node, constants.__getitem__)
        inputs = [made.get(tensor, tensor) for tensor in node.input[:count]]
        nodes.append(Node(node.name, node.op_type, inputs, made[node.output[0]], at))
    sides = ([made.get(one.name, one.name) for one in side] for side in (graph.input, graph.output))
    return IntegerGraph(nodes, leaves, *sides)


def _stated(value: Any) -> Any:
    """An attribute as ONNX has it."""
    if hasattr(value, "nodes"):
        return _as_proto(value, "body")
    if isinstance(value, int | np.integer):
        return int(value) if abs(int(value)) < 2**63 else str(int(value))
    return [int(one) for one in value]


def _at(node: NodeProto, constant: Any, arrays: tuple[str, ...] = ()) -> tuple[int, Record]:
    """How many tensors a node reads, and its attributes with its arrays, which `constant` has by name.
    `arrays`: their names, where the node does not state them."""
    at = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    names = [name.decode() for name in at.pop("arrays", [])] or arrays
    for key, value in at.items():
        if isinstance(value, bytes):
            at[key] = int(value)
        elif isinstance(value, GraphProto):
            at[key] = _of_proto(value)
    count = len(node.input) - len(names)
    return count, at | {key: whole_numbers(constant(x)) for key, x in zip(names, node.input[count:])}


class IntegerNode(CustomOp):
    """A node of the domain; its type is an operator of the integer graph. A class of its own is for one that
    networks are exported with; `arrays` names its constants."""

    arrays: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        NODES[cls.__name__] = cls

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        """Attributes in qonnx's format: those that it has."""
        return {one.name: (KINDS[one.type], True, None) for one in self.onnx_node.attribute}

    def execute_node(self, context: dict[str, np.ndarray], _graph) -> None:
        """Run the operator of the same meaning, on floats of qonnx and FINN, or integers."""
        node = self.onnx_node
        count, at = _at(node, lambda name: _rounded(context[name]), self.arrays)
        result = MEANINGS[node.op_type](
            *(whole_numbers(_rounded(context[x])) for x in node.input[:count]), at
        )
        narrow = width_of(result) <= FLOAT32_BITS + 1
        context[node.output[0]] = result.astype(np.float32) if narrow else result

    def make_shape_compatible_op(self, model: ModelWrapper, /) -> NodeProto:
        """A constant of the tensor_note shape."""
        return self.make_const_shape_op(model.get_tensor_shape(self.onnx_node.output[0]))

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Data types are tensor_note when the node is made."""

    def verify_node(self) -> None:
        """Nothing to verify beyond what qonnx checks."""


def _rounded(x: Iterable[Any]) -> np.ndarray:
    x = np.asarray(x)
    return np.rint(x) if x.dtype.kind == "f" else x


def __getattr__(name: str) -> Any:
    """qonnx asks the domain's module for `custom_op`: type of node -> class; operators enter theirs first."""
    if name == "custom_op":
        parts("hw.ops", "lower")
        return dict.fromkeys(MEANINGS, IntegerNode) | NODES
    raise AttributeError(name)
