"""Bits that count as 0 and 1: FINN's matrices cannot read them, so they are passed as two-bit numbers."""

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from xnorforge.flows.backends.finn.folding import MATRICES
from xnorforge.flows.lower.emit import FINN

WIDE = "UINT2"


def with_wide_bits(lowered: ModelWrapper) -> ModelWrapper:
    """A lowered network in which matrices read bits only to match them with bit weights.

    FINN's code generation refuses the type BINARY with any weights other than bits ("True binary inputs not
    yet supported"). A product with 1, `<node>_bits`, is inserted there: the same numbers as UINT2.

    Returns:
        A copy, or the network itself if nothing needs to change.
    """
    if not any(_refused(lowered, node) for node in lowered.graph.node):
        return lowered
    model = ModelWrapper(lowered.model, make_deepcopy=True)
    for place, node in reversed(list(enumerate(model.graph.node))):
        if _refused(model, node):
            model.graph.node.insert(place, _product(model, node))
    return model


def _refused(model: ModelWrapper, node) -> bool:
    """Whether a matrix reads bits without matching them with bit weights."""
    if node.domain != FINN or node.op_type not in MATRICES:
        return False
    return model.get_tensor_datatype(node.input[0]) == DataType["BINARY"] and not getCustomOp(
        node
    ).get_nodeattr("binaryXnorMode")


def _product(model: ModelWrapper, node):
    """Insert the product before a matrix, which from now on reads its result."""
    source, wide, one = node.input[0], f"{node.name}_bits_out", f"{node.name}_bits_one"
    shape = list(model.get_tensor_shape(source))
    model.graph.value_info.append(helper.make_tensor_value_info(wide, TensorProto.FLOAT, shape))
    model.set_initializer(one, np.ones(shape[-1], np.float32))
    for tensor in (wide, one):
        model.set_tensor_datatype(tensor, DataType[WIDE])
    node.input[0] = wide
    getCustomOp(node).set_nodeattr("inputDataType", WIDE)
    return helper.make_node(
        "ElementwiseMul", [source, one], [wide], name=f"{node.name}_bits", domain=FINN,
        backend="fpgadataflow", lhs_dtype="BINARY", rhs_dtype=WIDE, out_dtype=WIDE, lhs_shape=shape,
        rhs_shape=shape[-1:], out_shape=shape, rhs_style="const", PE=1,
    )  # fmt: skip
