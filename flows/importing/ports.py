"""Networks of several inputs or outputs: one frame in, one vector out.

The accelerator has one stream in and one out, so that shell, drivers and package know one kind of network.
Its frame holds the elements of all inputs in turn, channels last; its result those of all outputs, flattened
as in the network; of a function of scores, as Softmax, the scores, once. `Ports` says where each begins.
"""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import prod
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.parser import parse_node
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.indexed_model import IndexedModel
from xnorforge.core.input_format import InputFormat, integer_format
from xnorforge.core.types import Record
from xnorforge.flows.clean_up import name_nodes, with_shapes
from xnorforge.flows.importing.input_range import Found, data_inputs
from xnorforge.flows.importing.input_wanted import Wanted, chosen_format
from xnorforge.flows.importing.layout import channels_to_front, reads_last
from xnorforge.flows.importing.samples import Samples
from xnorforge.flows.importing.scores import End
from xnorforge.hw.lowering.tails import Tail, gives_last, host_function, tails_at

FRAME, RESULT = "frame", "result"


@dataclass(frozen=True)
class Port:
    """An input or an output.

    Attributes:
        name: in the network's file; shape: there, without the batch.
        first: of its elements in the frame or in the result.
        last: an input whose channels are moved to the last axis in the frame.
        function: what the host computes of its elements; None if they are the output.
        lo, hi, scale, offset: of an input: its integers, and what they stand for, scale * n + offset.
    """

    name: str
    shape: tuple[int, ...]
    first: int
    last: bool = False
    function: str | None = None
    lo: int = 0
    hi: int = 0
    scale: float = 1.0
    offset: float = 0.0

    @property
    def size(self) -> int:
        """Its elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Ports:
    """Inputs and outputs if there are several; their frame's format; what follows the scores of each output,
    and whether their classes are the last axis."""

    inputs: list[Port]
    outputs: list[Port]
    found: Found | None
    tails: list[list[Tail]]
    lasts: list[bool]

    def ends(self, scores: np.ndarray) -> list[End]:
        """Of each output what `host_function_check` takes, from scores (N, all)."""
        own = [scores[:, p.first : p.first + p.size].reshape(-1, *p.shape) for p in self.outputs]
        return [
            (port.name, tails, channels_to_front(x, last), last)
            for port, tails, x, last in zip(self.outputs, self.tails, own, self.lasts)
        ]

    def record(self, graph: GraphProto) -> Record:
        """For export.json, with the names of the file's own graph."""
        constants = {one.name for one in graph.initializer}
        made = {name for node in graph.node for name in node.output}
        inputs = [one.name for one in graph.input if one.name not in constants]
        outputs = [one.name for one in graph.output if one.name in made]
        pairs = {"inputs": (self.inputs, inputs), "outputs": (self.outputs, outputs)}
        return {
            key: [asdict(port) | {"name": name} for port, name in zip(ports, names, strict=True)]
            for key, (ports, names) in pairs.items()
        }


def host_functions(record: Record | None) -> str | None:
    """What the host computes of the scores of a network with such ports, by outputs; None for nothing."""
    outputs = record["outputs"] if record else []
    return ", ".join(f"{one['function']} at {one['name']}" for one in outputs if one["function"]) or None


def one_frame(network: ModelWrapper, wanted: Wanted, where: str | Path) -> tuple[ModelWrapper, Ports | None]:
    """The network with one input and one output, and its ports; None if it has no more than one of each.

    Args:
        wanted: the request for the input, which holds for each of them.
        where: the file, for messages.
    """
    names, ends = data_inputs(network), list(network.graph.output)
    if len(names) == len(ends) == 1:
        return network, None
    proto = copy.deepcopy(network.model)
    inputs, found = [_port(network, names[0], 0, InputFormat())], None
    if len(names) > 1:
        nothing = Samples(None, np.zeros(0, np.int64), "no images")
        every = [chosen_format(part, nothing, wanted, where) for part in _alone(network, names)]
        sizes = [prod(network.get_tensor_shape(name)[1:]) for name in names]
        firsts = accumulate(sizes[:-1], initial=0)
        inputs = [_port(network, *given) for given in zip(names, firsts, (one.form for one in every))]
        found = _common(every)
        _join_inputs(proto, inputs, found.form)
    sources, tails = zip(*(tails_at(network, one.name) for one in ends))
    scores = {name: tuple(network.get_tensor_shape(name)[1:]) for name in sources}
    firsts = dict(zip(scores, accumulate(map(prod, scores.values()), initial=0)))
    given = zip(ends, sources, map(host_function, tails))
    outputs = [Port(one.name, scores[name], firsts[name], function=own) for one, name, own in given]
    if len(outputs) > 1:
        _join_outputs(proto, scores)
    name_nodes(proto)
    lasts = [gives_last(network, name) for name in sources]
    return _wrapped(proto), Ports(inputs, outputs, found, [*tails], lasts)


def _port(network: ModelWrapper, name: str, first: int, form: InputFormat) -> Port:
    shape = tuple(network.get_tensor_shape(name)[1:])
    last = len(shape) > 1 and not reads_last(network, name)
    return Port(name, shape, first, last, None, form.lo, form.hi, form.scale, form.offset)


def _alone(network: ModelWrapper, names: list[str]) -> Iterator[ModelWrapper]:
    """Per input, the part of the network that depends on it and on no other."""
    graph, parts = network.graph, {name: [] for name in names}
    constants = {one.name: one for one in graph.initializer}
    owners = {**dict.fromkeys(constants, ""), "": "", **{name: name for name in names}}
    for node in graph.node:
        own = {owners.get(one) for one in node.input} - {""}
        if len(own) == 1 and (name := own.pop()) is not None:
            parts[name].append(node)
            owners.update(dict.fromkeys(node.output, name))
    kinds = {one.tensor_name: one for one in graph.quantization_annotation}
    inputs = {one.name: one for one in graph.input}
    for name, nodes in parts.items():
        nodes = nodes or [helper.make_node("Identity", [name], [f"{name}_alone"])]
        last = nodes[-1].output[0]
        shape = network.get_tensor_shape(last) or network.get_tensor_shape(name)
        end = helper.make_tensor_value_info(last, TensorProto.FLOAT, shape)
        read = dict.fromkeys(one for node in nodes for one in (*node.input, *node.output))
        own = [constants[one] for one in read if one in constants]
        part = helper.make_graph(nodes, name, [inputs[name]], [end], own)
        part.quantization_annotation.extend(kinds[one] for one in read if one in kinds)
        yield _wrapped(helper.make_model(part, opset_imports=network.model.opset_import))


def _common(every: list[Found]) -> Found:
    """The format of the frame: that of all inputs, or integers that hold those of each."""
    first = every[0]
    why = "; ".join(dict.fromkeys(one.why for one in every))
    sure, quantiser = all(one.sure for one in every), any(one.quantiser for one in every)
    form = first.form
    if any(one.form != form for one in every):
        low, high = min(one.form.lo for one in every), max(one.form.hi for one in every)
        form = integer_format(max(high, -low - 1).bit_length() + (low < 0), low < 0)
    return Found(form, why, sure, quantiser)


def _join_inputs(proto: ModelProto, inputs: list[Port], form: InputFormat) -> None:
    """In front of each input: its part of the frame, its shape, and, where the frame has integers
    of its own, what they stand for."""
    names = {one.name for one in inputs}
    entries = [one for one in proto.graph.input if one.name in names]
    total, nodes, source = sum(one.size for one in inputs), [], FRAME
    if any((port.scale, port.offset) != (form.scale, form.offset) for port in inputs):
        steps, source = [], f"{FRAME}_values"
        for op, key in (("Mul", "scale"), ("Add", "offset")):
            every = np.repeat([getattr(port, key) for port in inputs], [port.size for port in inputs])
            steps.append((op, [_constant(proto, f"{FRAME}_{key}", every, np.float32)], {}))
        nodes = _chain(FRAME, source, steps)
    for port in inputs:
        bounds = [_constant(proto, f"{port.name}_{key}", [n]) for key, n in
                  (("first", port.first), ("end", port.first + port.size), ("axis", 1))]  # fmt: skip
        steps = [("Slice", bounds, {})]
        shape = (*port.shape[1:], port.shape[0]) if port.last else port.shape
        if len(shape) > 1:
            steps.append(("Reshape", [_constant(proto, f"{port.name}_shape", [1, *shape])], {}))
        if port.last:
            steps.append(("Transpose", [], {"perm": [0, len(shape), *range(1, len(shape))]}))
        nodes += _chain(source, port.name, steps)
    for entry in entries:
        proto.graph.input.remove(entry)
        proto.graph.value_info.append(entry)
    proto.graph.input.insert(0, helper.make_tensor_value_info(FRAME, TensorProto.FLOAT, [1, total]))
    nodes += proto.graph.node
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _chain(source: str, target: str, steps) -> list[NodeProto]:
    """Nodes one behind the other, from a tensor to a tensor."""
    names = [source, *(f"{target}_{op.lower()}" for op, *_ in steps[:-1]), target]
    made, ends = helper.make_node, zip(steps, names, names[1:])
    return [made(op, [x, *more], [y], **given) for (op, more, given), x, y in ends]


def _constant(proto: ModelProto, name: str, values, kind: type[np.generic] = np.int64) -> str:
    proto.graph.initializer.append(numpy_helper.from_array(np.array(values, kind), name))
    return name


def _join_outputs(proto: ModelProto, scores: dict[str, tuple[int, ...]]) -> None:
    """The first output: scores of these shapes, each as a vector, side by side; the file's own follow."""
    flat = [f"{name}_flat" if len(shape) > 1 else name for name, shape in scores.items()]
    for name, vector in zip(scores, flat):
        if name != vector:
            proto.graph.node.append(helper.make_node("Flatten", [name], [vector], axis=1))
    name, total = RESULT if len(flat) > 1 else flat[0], sum(map(prod, scores.values()))
    if len(flat) > 1:
        proto.graph.node.append(parse_node(f"{name} = Concat <axis = 1> ({', '.join(flat)})"))
    for entries in (proto.graph.output, proto.graph.value_info):
        for one in [one for one in entries if one.name == name]:
            entries.remove(one)
    proto.graph.output.insert(0, helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, total]))


def _wrapped(proto: ModelProto) -> IndexedModel:
    return IndexedModel(ModelWrapper(with_shapes(proto), fix_missing_initializer_valueinfo=False))
