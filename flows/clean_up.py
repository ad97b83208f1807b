"""qonnx's clean-up (`qonnx.util.cleanup.cleanup_model`) in time linear in the graph instead of quadratic.

The same steps give the same graph: shapes are inferred, constants folded (quantised ones are kept), a
Transpose of quantised constants is applied to them, every node gets its own copy of its constants, nodes are
sorted by depth and named <operator>_<number>, tensors are named after their producer. Unlike in qonnx, a node
that reads one tensor twice still does, all outputs of a folded node are kept, and a quantised constant with
other readers keeps its Transpose.
"""

from collections import Counter
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, StringStringEntryProto, TensorAnnotation, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp, is_custom_op

from xnorforge.core.errors import UserError
from xnorforge.core.indexed_model import IndexedModel, attributes, shape_inputs
from xnorforge.flows.qonnx_execution import Runner

QONNX = "qonnx.custom_op.general"
QUANTISERS = ("Quant", "BipolarQuant")
KEPT = (*QUANTISERS, "QuantizeLinear", "DequantizeLinear")
COMMUTATIVE = ("Add", "Mul", "And", "Or", "Xor", "Sum")
MOST_ROUNDS = 100  # of folding: shapes that follow from shapes that follow from shapes


def cleaned_up(model: ModelWrapper) -> IndexedModel:
    """A cleaned copy of a model.

    Raises:
        UserError: shapes depend on each other in more than 100 steps.
    """
    proto = ModelProto()
    proto.CopyFrom(model.model)
    for node in proto.graph.node:
        if node.op_type in (*QUANTISERS, "Trunc"):
            node.domain = QONNX
    proto = with_shapes(proto)
    _tidy(proto)
    for _ in range(MOST_ROUNDS):
        if not _fold(proto):
            break
        proto = with_shapes(proto)
        _tidy(proto)
    else:
        raise UserError(
            f"{proto.graph.name}: shapes depend on other shapes in more than {MOST_ROUNDS} steps; export "
            "the network with fixed shapes."
        )
    if _transposed(proto):
        proto = with_shapes(proto)
        _tidy(proto)
    name_nodes(proto)
    _name_tensors(proto)
    return IndexedModel(_wrapped(proto))


def name_nodes(proto: ModelProto) -> None:
    """Name every node <operator>_<number>."""
    count: Counter[str] = Counter()
    for node in proto.graph.node:
        node.name = f"{node.op_type}_{count[node.op_type]}"
        count[node.op_type] += 1


def change_batch(proto: ModelProto, images: int) -> None:
    """Change the batch of inputs, outputs and constants that state shapes; other shapes are dropped."""
    graph = proto.graph
    constants = {one.name: one for one in graph.initializer}
    for entry in (*graph.input, *graph.output):
        if entry.name not in constants and entry.type.tensor_type.shape.dim:
            entry.type.tensor_type.shape.dim[0].dim_value = images
    del graph.value_info[:]
    for given in [constants[name] for name in shape_inputs(graph) if name in constants]:
        shape = numpy_helper.to_array(given).copy()
        shape[0] = images
        given.CopyFrom(numpy_helper.from_array(shape, given.name))


def _wrapped(proto: ModelProto) -> ModelWrapper:
    return ModelWrapper(proto, fix_missing_initializer_valueinfo=False)


def with_shapes(proto: ModelProto) -> ModelProto:
    """The model with the shapes of all tensors, as far as they can be inferred."""
    known = {one.name for one in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info)}
    for given in proto.graph.initializer:
        if given.name not in known:
            info = helper.make_tensor_value_info(given.name, given.data_type, list(given.dims))
            proto.graph.value_info.append(info)
    nodes = list(proto.graph.node)
    index, hidden = IndexedModel(_wrapped(proto)), []
    for node in nodes:
        own = is_custom_op(node.domain)
        hidden.append(getCustomOp(node).make_shape_compatible_op(index) if own else node)
    asked = ModelProto()
    asked.CopyFrom(proto)
    del asked.graph.node[:]
    asked.graph.node.extend(hidden)
    found = onnx.shape_inference.infer_shapes(asked)
    for field in ("value_info", "output"):
        entries = getattr(proto.graph, field)
        del entries[:]
        entries.extend(getattr(found.graph, field))
    return proto


def _tidy(proto: ModelProto) -> None:
    """Drop unused nodes and constants; constants are not inputs, come last in sums, and have one reader."""
    graph = proto.graph
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    leave_entries(graph.initializer, lambda one: one.name in used)
    leave_entries(graph.value_info, lambda one: one.name in used)
    leave_entries(graph.quantization_annotation, lambda one: one.tensor_name in used)
    constants = {one.name: one for one in graph.initializer}
    there = {one.name for one in graph.value_info}
    graph.value_info.extend(one for one in graph.input if one.name in constants and one.name not in there)
    leave_entries(graph.input, lambda one: one.name not in constants)
    _sort(proto, {one.name for one in graph.input} | constants.keys())
    for node in graph.node:
        if node.op_type in COMMUTATIVE:
            node.input[:] = sorted(node.input, key=lambda name: name in constants)
    _one_reader_each(proto, constants)


def _sort(proto: ModelProto, given: set[str]) -> None:
    """Sort nodes by depth; nodes without predecessors and readers are dropped."""
    graph = proto.graph
    if len(graph.node) == 1:
        return
    makers = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    read = {name for node in graph.node for name in node.input}
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for place, node in enumerate(graph.node):
        before = {makers[name] for name in node.input if name in makers}
        if before or given.intersection(node.input) or read.intersection(node.output):
            sorter.add(place, *before)
    sorter.prepare()
    order: list[int] = []
    while sorter.is_active():
        ready = sorter.get_ready()
        order += sorted(ready)
        sorter.done(*ready)
    if order != list(range(len(graph.node))):
        set_entries(graph.node, [graph.node[place] for place in order])


def _one_reader_each(proto: ModelProto, constants: dict) -> None:
    """A copy of a constant for every reader but the first."""
    graph, seen = proto.graph, set[str]()
    infos = {one.name: one for one in graph.value_info}
    index = IndexedModel(_wrapped(proto))
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in constants:
                continue
            if name not in seen:
                seen.add(name)
                continue
            copy, count = f"{name}_copy", 0
            while copy in infos or copy in constants:
                count += 1
                copy = f"{name}_copy_{len(seen)}_{count}"
            seen.add(copy)
            tensor = graph.initializer.add()
            tensor.CopyFrom(constants[name])
            tensor.name = copy
            info = helper.make_tensor_value_info(copy, tensor.data_type, list(tensor.dims))
            infos[copy] = info
            graph.value_info.append(info)
            kind = StringStringEntryProto(key="finn_datatype", value=index.get_tensor_datatype(name).name)
            note = TensorAnnotation(tensor_name=copy, quant_parameter_tensor_names=[kind])
            graph.quantization_annotation.append(note)
            node.input[place] = copy


def _fold(proto: ModelProto) -> bool:
    """Run nodes that read only constants, or a tensor's shape; returns whether there were any. Quantised
    constants stay; a matrix that multiplies another constant, as of a first state, reads them."""
    graph, runner = proto.graph, Runner(proto)
    constants = {one.name: one for one in graph.initializer}
    index = IndexedModel(_wrapped(proto))
    values: dict[str, Any] = {}
    quantised: dict[str, Any] = {}
    left = []
    for node in graph.node:
        if node.op_type in QUANTISERS and constants.keys() >= {*node.input}:
            quantised[node.output[0]] = node
        known = [constants, values]
        if node.op_type in ("Gemm", "MatMul") and any(node.input[0] in some for some in known):
            known.append(quantised)
        info = index.get_tensor_valueinfo(node.input[0]) if node.op_type == "Shape" else None
        kind = info and info.type.tensor_type  # without a rank, a shape reads as that of a number
        shape = index.get_tensor_shape(node.input[0]) if kind and kind.HasField("shape") else None
        if node.op_type in KEPT or (
            shape is None and not all(any(name in some for some in known) for name in node.input)
        ):
            left.append(node)
            continue
        given = {name: values[name] for name in node.input if name in values}
        weights = [quantised[name] for name in node.input if name in quantised]
        read = (name for one in (node, *weights) for name in one.input if name in constants)
        given |= {name: numpy_helper.to_array(constants[name]) for name in read}
        for one in weights:
            runner.run(one, given)
        if kind and shape is not None and node.input[0] not in given:
            given[node.input[0]] = np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type or 1))
        runner.run(node, given)
        values |= {name: given[name] for name in node.output if name}
    if len(left) == len(graph.node):
        return False
    set_entries(graph.node, left)
    ends = {one.name: one for one in graph.output}
    leave_entries(graph.value_info, lambda one: one.name not in values)
    for name, value in values.items():
        tensor = numpy_helper.from_array(np.asarray(value), name)
        graph.initializer.append(tensor)
        info = helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
        if name in ends:
            ends[name].CopyFrom(info)
        else:
            graph.value_info.append(info)
    return True


def _transposed(proto: ModelProto) -> bool:
    """Transpose the constants of quantisers instead of their results; returns whether there were any."""
    graph, gone = proto.graph, set[str]()
    constants = {one.name: one for one in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(one.name for one in graph.output)
    makers = {node.output[0]: node for node in graph.node if node.op_type in QUANTISERS}
    for node in graph.node:
        source = makers.get(node.input[0]) if node.op_type == "Transpose" else None
        if source is None or readers[source.output[0]] > 1 or not all(i in constants for i in source.input):
            continue
        order = attributes(node).get("perm")
        for name in source.input:
            values = numpy_helper.to_array(constants[name])
            if order is None or len(order) == values.ndim:
                values = values.transpose(order)
                contiguous = np.ascontiguousarray(values).reshape(values.shape)
                constants[name].CopyFrom(numpy_helper.from_array(contiguous, name))
        makers[node.output[0]] = source
        source.output[0] = node.output[0]
        gone.update([*source.input, node.output[0]])
        node.op_type = ""
    if gone:
        set_entries(graph.node, [node for node in graph.node if node.op_type])
        leave_entries(graph.value_info, lambda one: one.name not in gone)
    return bool(gone)


def _name_tensors(proto: ModelProto) -> None:
    """Name tensors after their producer, constants after their reader."""
    graph, names = proto.graph, {"": ""}
    constants = {one.name for one in graph.initializer}
    for node in graph.node:
        names |= {name: f"{node.name}_out{place}" for place, name in enumerate(node.output) if name}
        read = [name for name in node.input if name in constants]
        names |= {name: f"{node.name}_param{place}" for place, name in enumerate(read)}
    for kind, entries in (("global_in", graph.input), ("global_out", graph.output)):
        names |= {one.name: f"{kind}_{place}" if place else kind for place, one in enumerate(entries)}
    for node in graph.node:
        for given in (node.input, node.output):
            given[:] = [names.get(name, name) for name in given]
    for one in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        one.name = names.get(one.name, one.name)
    for note in graph.quantization_annotation:
        note.tensor_name = names.get(note.tensor_name, note.tensor_name)


def leave_entries(field, keep) -> None:
    """Keep the entries of a protobuf field for which `keep` is true."""
    kept = [one for one in field if keep(one)]
    if len(kept) < len(field):
        set_entries(field, kept)


def set_entries(field, entries: list) -> None:
    """Let a protobuf field have only these of its entries; copied, because it frees those that it drops."""
    kept = [type(one).FromString(one.SerializeToString()) for one in entries]
    del field[:]
    field.extend(kept)
