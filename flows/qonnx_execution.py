"""Execution of QONNX graphs as in qonnx, node by node, on many images at a time.

`qonnx.core.onnx_exec.execute_onnx` gives the same numbers, but it searches the whole graph for every node and
its tensors (`indexed_model.py`), and creates an onnxruntime session for every node and every run. Here nodes
that differ only in names share one session, for all images, and each session computes in one thread.
"""

from collections import OrderedDict
from math import prod

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from qonnx.core.execute_custom_node import execute_custom_node
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import is_custom_op
from qonnx.util.basic import get_sanitize_quant_tensors, sanitize_quant_values

from xnorforge.core.indexed_model import indexed, shape_inputs

KEPT = 256  # number of cached sessions, least recently used dropped first
BATCH = 100
AT_ONCE = 1 << 27  # elements in all tensors of a batch


class Runner:
    """Runs the nodes of a model; `made` counts the onnxruntime sessions so far."""

    def __init__(self, model: ModelProto):
        self.graph, self.made = model.graph, 0
        self._versions = {one.domain: one.version for one in model.opset_import}
        self._kinds: dict[str, bytes] = {}  # {first output of a node: the node without names}
        self._sessions: OrderedDict[tuple, onnxruntime.InferenceSession] = OrderedDict()

    def run(self, node: NodeProto, tensors: dict[str, np.ndarray]) -> None:
        """Run a node on its input tensors, by name; its outputs are added to `tensors`."""
        if is_custom_op(node.domain, node.op_type):
            version = self._versions.get(node.domain, 1)
            execute_custom_node(node, tensors, self.graph, onnx_opset_version=version)
            return
        given = [tensors[name] if name else None for name in node.input]
        feeds = {f"i{place}": x for place, x in enumerate(given) if x is not None}
        names = [name for name in node.output if name]
        tensors |= dict(zip(names, self._session(node, given).run(None, feeds)))

    def _session(self, node: NodeProto, given: list) -> onnxruntime.InferenceSession:
        """The session of a node of this kind on tensors of these shapes."""
        name = next(filter(None, node.output))
        if name not in self._kinds:
            self._kinds[name] = _without_names(node).SerializeToString()
        key = (self._kinds[name], *((x.shape, x.dtype.str) for x in given if x is not None))
        if key in self._sessions:
            self._sessions.move_to_end(key)
            return self._sessions[key]
        alone = _without_names(node)
        info, kind = helper.make_tensor_value_info, helper.np_dtype_to_tensor_dtype
        there = [(place, x) for place, x in enumerate(given) if x is not None]
        inputs = [info(f"i{place}", kind(x.dtype), x.shape) for place, x in there]
        outputs = [ValueInfoProto(name=name) for name in alone.output if name]
        sets = [helper.make_opsetid("", self._versions.get("", self._versions.get("ai.onnx", 1)))]
        model = helper.make_model(helper.make_graph([alone], "one", inputs, outputs), opset_imports=sets)
        model.ir_version = min(model.ir_version, 10)
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 4, 1
        options.enable_cpu_mem_arena = False  # it would keep the largest batch of every session
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        self.made += 1
        self._sessions[key] = session
        if len(self._sessions) > KEPT:
            self._sessions.popitem(last=False)
        return session


def _without_names(node: NodeProto) -> NodeProto:
    """The node with numbers instead of the names of its tensors; omitted ones stay omitted."""
    alone = NodeProto(op_type=node.op_type, domain=node.domain.removeprefix("ai.onnx"))
    alone.input.extend(f"i{place}" if name else "" for place, name in enumerate(node.input))
    alone.output.extend(f"o{place}" if name else "" for place, name in enumerate(node.output))
    alone.attribute.extend(node.attribute)
    return alone


class Execution:
    """A network that runs on batches of any size; `runner` runs its nodes."""

    def __init__(self, network: ModelWrapper):
        self.network = indexed(network)
        self.runner: Runner = Runner(self.network.model)
        graph = self.network.graph
        self.constants = {one.name: self.network.get_initializer(one.name) for one in graph.initializer}
        self.shapes = shape_inputs(graph)
        self.still = set(self.constants).difference(self.shapes)  # what depends on no input, such as weights
        for node in graph.node:
            if self.still.issuperset(filter(None, node.input)):
                self.still.update(filter(None, node.output))
        self.last = {name: place for place, node in enumerate(graph.node) for name in node.input}
        names = {name for node in graph.node for name in (*node.input, *node.output) if name}
        self.whole = {name for name in names if self.network.get_tensor_datatype(name).is_integer()}

    def tensors(
        self, given: dict[str, np.ndarray], images: int, keep: bool = True, ranges: bool = True
    ) -> dict[str, np.ndarray]:
        """Every tensor of the graph, by name, constants among them.

        Args:
            given: the inputs, `images` in a batch; constant shapes of results get that batch.
            keep: if False, only the outputs remain, and other tensors only as long as a node reads them.
            ranges: whether integers are checked, and rounded, as qonnx does unless its environment forbids.
        """
        found = self.constants | given
        for name in self.shapes:
            if name in self.constants:
                found[name] = np.array([images, *self.constants[name][1:]], self.constants[name].dtype)
        ends = {one.name for one in self.network.graph.output}
        rounded = self.whole if ranges and get_sanitize_quant_tensors() else set()
        for place, node in enumerate(self.network.graph.node):
            if self.constants.keys() >= set(node.output):
                continue
            for name in rounded.intersection(node.input):
                found = sanitize_quant_values(self.network, [name], found)
            if node.domain:
                found |= self.empty(node, images)
            self.runner.run(node, found)
            for name in rounded.intersection(node.output):
                found = sanitize_quant_values(self.network, [name], found)
            self.constants |= {name: found[name] for name in self.still.intersection(node.output)}
            if not keep:
                for name in {*node.input, *node.output} - ends:
                    if self.last.get(name, place) == place:
                        found.pop(name, None)
        return found

    def empty(self, node: NodeProto, images: int) -> dict[str, np.ndarray]:
        """A node's output, still zeros: FINN's operators read its shape there."""
        shapes = {name: self.network.get_tensor_shape(name) for name in node.output}
        return {name: np.zeros([images, *shape[1:]], np.float32) for name, shape in shapes.items() if shape}


def execution_of(network: ModelWrapper) -> Execution:
    """The execution of a network; an indexed model always gets the same one."""
    network = indexed(network)
    network.execution = network.execution or Execution(network)
    return network.execution


def qonnx_scores(network: ModelWrapper, inputs: np.ndarray) -> np.ndarray:
    """Scores as qonnx computes them, float32 (N, classes) or (N, C, H, W), up to 100 images at a time.

    One image is mostly Python overhead per node: 1,000 take seconds in batches, minutes one by one."""
    execution, parts = execution_of(network), []
    graph, size = execution.network.graph, images_at_once(execution.network)
    for at in range(0, len(inputs), size):
        part = inputs[at : at + size]
        found = execution.tensors({graph.input[0].name: part}, len(part), keep=False)
        parts.append(found[graph.output[0].name])
    scores = np.concatenate(parts).astype(np.float32)
    return scores if scores.ndim == 4 else scores.reshape(len(inputs), -1)


def qonnx_tensors(network: ModelWrapper, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of the graph for one batch of images, by name."""
    return execution_of(network).tensors({network.graph.input[0].name: inputs}, len(inputs))


def images_at_once(network: ModelWrapper) -> int:
    """Number of images per batch: 100, or fewer if their tensors would not fit."""
    entries = (*network.graph.input, *network.graph.value_info, *network.graph.output)
    still = execution_of(network).still
    shapes = (one.type.tensor_type.shape.dim for one in entries if one.name not in still)
    frame = sum(prod(axis.dim_value for axis in shape) for shape in shapes)
    return max(1, min(BATCH, AT_ONCE // max(1, frame)))
