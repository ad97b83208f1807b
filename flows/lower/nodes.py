"""Integer operators that FINN lacks, as nodes of `lowered.onnx`; the domain is this module.

They run like any qonnx operator, on integers, channels last.
"""

from typing import ClassVar

import numpy as np
from onnx import helper
from qonnx.custom_op.base import CustomOp

from . import integers

DOMAIN = __name__


class IntegerNode(CustomOp):
    """Base: `op` names the meaning in `integers.py`, `numbers` the attributes, `arrays` the constant inputs."""

    op = ""
    numbers: ClassVar[dict[str, str]] = {}
    arrays: tuple[str, ...] = ()

    def get_nodeattr_types(self):
        """Attributes as qonnx wants them."""
        return {name: (kind, True, 0 if kind == "i" else []) for name, kind in self.numbers.items()}

    def execute_node(self, context, graph):
        """Run the operator of the same meaning."""
        node = self.onnx_node
        at = {name: self.get_nodeattr(name) for name in self.numbers}
        at |= {name: np.rint(context[key]).astype(np.int64) for name, key in zip(self.arrays, node.input[1:])}
        x = np.rint(context[node.input[0]]).astype(np.int64)
        context[node.output[0]] = integers.run(self.op, [x], at | {"xnor": 0}).astype(np.float32)

    def make_shape_compatible_op(self, model):
        """A constant of the annotated shape."""
        return self.make_const_shape_op(model.get_tensor_shape(self.onnx_node.output[0]))

    def infer_node_datatype(self, model):
        """Data types are annotated when the node is made."""

    def verify_node(self):
        """Nothing beyond what qonnx checks."""


class Pad(IntegerNode):
    """A border of `value` around (H, W, C); `pads` are top, left, bottom, right."""

    op = "Pad"
    numbers: ClassVar[dict[str, str]] = {"pads": "ints", "value": "i"}


class RatesWindow(IntegerNode):
    """Windows of several dilations around one pixel, (OH, OW, rates kh kw C); `pads`, filled with `value`, of
    the largest.
    """

    op = "RatesWindow"
    numbers: ClassVar[dict[str, str]] = {
        "kernel": "ints",
        "stride": "ints",
        "rates": "ints",
        "pads": "ints",
        "value": "i",
    }


class DirectedPool(IntegerNode):
    """Maximum over each window where direction (C,) is +1, minimum where it is -1; an AND of bits where all
    are -1.
    """

    op = "MaxPool"
    numbers: ClassVar[dict[str, str]] = {"kernel": "ints", "stride": "ints"}
    arrays = ("direction",)


class Clip(IntegerNode):
    """mul * x, not below `at` (C,) where direction (C,) is +1, not above it where it is -1."""

    op = "Clip"
    numbers: ClassVar[dict[str, str]] = {"mul": "i"}
    arrays = ("at", "direction")


class GroupedConv(IntegerNode):
    """Convolution, weights (kh, kw, C / groups, O); |sum| <= top."""

    op = "Conv"
    numbers: ClassVar[dict[str, str]] = {"stride": "ints", "dilation": "ints", "groups": "i", "top": "i"}
    arrays = ("weights",)


class SignedConv(GroupedConv):
    """Convolution of bits read as -1 and +1 inside a border of zeros, whose taps add nothing."""

    op = "SignedConv"
    numbers: ClassVar[dict[str, str]] = {**GroupedConv.numbers, "pads": "ints"}


class Interact(IntegerNode):
    """Channel interaction on match counts or sums, influence (groups, g, g); exported networks have it too,
    on axis 1.
    """

    op = "Interact"
    numbers: ClassVar[dict[str, str]] = {"n0": "i", "unit": "i", "matches": "i", "axis": "i"}
    arrays = ("influence",)

    def execute_node(self, context, graph):
        """Channels go last and back."""
        axis, (x, _) = self.get_nodeattr("axis"), self.onnx_node.input
        turned = context | {x: np.moveaxis(context[x], axis, -1)}
        super().execute_node(turned, graph)
        out = self.onnx_node.output[0]
        context[out] = np.ascontiguousarray(np.moveaxis(turned[out], -1, axis))

    def make_shape_compatible_op(self, model):
        """Input and output have one shape."""
        return helper.make_node("Identity", self.onnx_node.input[:1], self.onnx_node.output)
