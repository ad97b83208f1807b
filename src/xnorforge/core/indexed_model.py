"""A read-only qonnx model with an index by name.

qonnx's ModelWrapper searches the whole graph for every tensor and every node that is requested; for a graph
of 20,000 nodes that takes hours.
"""

import copy
from typing import Any

from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from .types import Record


class IndexedModel(ModelWrapper):
    """ModelWrapper with lookups in constant time, of a graph that must not change any more."""

    def __init__(self, model: ModelWrapper):
        super().__init__(model.model, fix_missing_initializer_valueinfo=False)
        graph = self.graph
        entries = [*graph.input, *graph.output, *graph.value_info]
        self._infos: dict[str, ValueInfoProto] = {one.name: one for one in reversed(entries)}
        self._initializers: dict[str, TensorProto] = {one.name: one for one in graph.initializer}
        notes = [(a.tensor_name, a.quant_parameter_tensor_names) for a in graph.quantization_annotation]
        self._types = {name: one.value for name, own in notes for one in own if one.key == "finn_datatype"}
        self._nodes: list[NodeProto] = list(graph.node)
        self.execution: Any = None  # how it is run (`qonnx_execution.py`), kept for the next images
        self._places: dict[str, int] = {}
        self._readers: dict[str, list[NodeProto]] = {}
        for place, node in enumerate(self._nodes):
            self._places.update((name, place) for name in node.output if name not in self._places)
            for name in node.input:
                self._readers.setdefault(name, []).append(node)

    def get_tensor_valueinfo(self, tensor_name: str) -> Any:
        """The declaration of a tensor, None if it has none."""
        return self._infos.get(tensor_name)

    def get_tensor_shape(self, tensor_name: str, fix_missing_init_shape: bool = False) -> Any:
        """Shape of a tensor, None if it is unknown."""
        assert not fix_missing_init_shape
        if tensor_name in self._infos:
            return [axis.dim_value for axis in self._infos[tensor_name].type.tensor_type.shape.dim]
        given = self._initializers.get(tensor_name)
        return None if given is None else list(given.dims)

    def get_initializer(self, tensor_name: str, return_dtype: bool = False) -> Any:
        """The value of a constant, None for any other tensor; with `return_dtype` also its type."""
        given = self._initializers.get(tensor_name)
        if given is None:
            return (None, None) if return_dtype else None
        found = numpy_helper.to_array(given)
        return (found, given.data_type) if return_dtype else found

    def get_tensor_datatype(self, tensor_name: str) -> DataType:
        """The qonnx data type that a tensor is annotated with, else the type of its floats."""
        if tensor_name in self._types:
            return DataType[self._types[tensor_name]]
        info, given = self._infos.get(tensor_name), self._initializers.get(tensor_name)
        kind = info.type.tensor_type.elem_type if info is not None else given.data_type if given else 0
        return DataType["FLOAT16" if kind == TensorProto.FLOAT16 else "FLOAT32"]

    def transform(self, transformation: Any, *args: Any, **kwargs: Any) -> ModelWrapper:
        """A changed copy, without an index."""
        plain = ModelWrapper(copy.deepcopy(self.model), fix_missing_initializer_valueinfo=False)
        return plain.transform(transformation, *args, **kwargs)

    def find_producer(self, tensor_name: str) -> NodeProto | None:
        """The node that produces a tensor, None for an input or constant."""
        place = self._places.get(tensor_name)
        return None if place is None else self._nodes[place]

    def find_consumers(self, tensor_name: str) -> list[NodeProto]:
        """The nodes that read a tensor, in order; a node that reads it twice is listed twice."""
        return list(self._readers.get(tensor_name, []))

    def get_node_index(self, node: NodeProto) -> int | None:
        """Index of a node in the graph, by its first output; None if it is not in the graph."""
        place = next((self._places[name] for name in node.output if name in self._places), None)
        return place if place is not None and self._nodes[place] == node else None


def indexed(model: ModelWrapper) -> IndexedModel:
    """The model with an index; unchanged if it already has one."""
    return model if isinstance(model, IndexedModel) else IndexedModel(model)


def shape_inputs(graph: GraphProto) -> list[str]:
    """The tensors that state the shape of a result: of Reshape, and the sizes of Resize."""
    places = {"Reshape": 1, "Resize": 3}
    nodes = [one for one in graph.node if len(one.input) > places.get(one.op_type, len(one.input))]
    return [one.input[places[one.op_type]] for one in nodes if "axes" not in attributes(one)]


def attributes(node: NodeProto) -> Record:
    """Attributes of a node by name."""
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}
