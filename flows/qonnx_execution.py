"""Execution of QONNX graphs as in qonnx, node by node, on many images at a time.

`qonnx.core.onnx_exec.execute_onnx` gives the same numbers, but it searches the whole graph for every node and
its tensors (`indexed_model.py`), and creates a session for each node (`node_execution.py`).
"""

from math import prod

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import get_sanitize_quant_tensors, sanitize_quant_values

from xnorforge.flows.indexed_model import indexed, shape_inputs
from xnorforge.flows.node_execution import Runner

BATCH = 100
AT_ONCE = 1 << 27  # elements in all tensors of a batch


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
