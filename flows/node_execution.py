"""Execution of one ONNX node at a time, as in qonnx: its operators in Python, ONNX's in onnxruntime.

qonnx creates an onnxruntime session for every node and every run. Here nodes that differ only in names share
one session, for all images, and each session computes in one thread.
"""

from collections import OrderedDict

import numpy as np
import onnxruntime
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from qonnx.core.execute_custom_node import execute_custom_node
from qonnx.custom_op.registry import is_custom_op

KEPT = 256  # number of cached sessions, least recently used dropped first


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
