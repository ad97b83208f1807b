"""Nodes of `lowered.onnx` that FINN lacks; this module is their ONNX domain.

They run like any qonnx operator, on integers, channels last. Every class of an operator's `lower.py` that is
an `IntegerNode` is a node of this domain.
"""

from typing import Any, ClassVar

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.hw.any_width import FLOAT32_BITS, whole_numbers, width_of
from xnorforge.hw.ops.base import CustomOp

from . import integers

DOMAIN = __name__
NODES: dict[str, type["IntegerNode"]] = {}


class IntegerNode(CustomOp):
    """Base of all nodes of the domain; the class's name is the node's type.

    Attributes:
        op: the operator of the integer graph that it represents; by default the class's own name.
        numbers: attributes of the node, {name: kind of qonnx, "i" or "ints"}.
        arrays: names of the constants that follow its input tensors.
        tensors: number of input tensors.
    """

    op: str = ""
    numbers: ClassVar[dict[str, str]] = {}
    arrays: tuple[str, ...] = ()
    tensors = 1

    def __init_subclass__(cls) -> None:
        NODES[cls.__name__] = cls
        cls.op = cls.op or cls.__name__

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        """Attributes in qonnx's format."""
        return {name: (kind, True, 0 if kind == "i" else []) for name, kind in self.numbers.items()}

    def execute_node(self, context: dict[str, np.ndarray], _graph) -> None:
        """Run the operator of the same meaning."""
        node = self.onnx_node
        given = [np.asarray(context[key]) for key in node.input]  # floats of qonnx and FINN, or integers
        given = [whole_numbers(np.rint(x) if x.dtype.kind == "f" else x) for x in given]
        at = {name: self.get_nodeattr(name) for name in self.numbers}
        at |= dict(zip(self.arrays, given[self.tensors :])) | {"xnor": 0}
        result = integers.run_operator(self.op, given[: self.tensors], at)
        narrow = width_of(result) <= FLOAT32_BITS + 1
        context[node.output[0]] = result.astype(np.float32) if narrow else result

    def make_shape_compatible_op(self, model: ModelWrapper, /) -> NodeProto:
        """A constant of the annotated shape."""
        return self.make_const_shape_op(model.get_tensor_shape(self.onnx_node.output[0]))

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        """Data types are annotated when the node is made."""

    def verify_node(self) -> None:
        """Nothing to verify beyond what qonnx checks."""


def __getattr__(name: str) -> Any:
    """qonnx asks the domain's module for `custom_op`: type of node -> class."""
    if name == "custom_op":
        return NODES
    raise AttributeError(name)
