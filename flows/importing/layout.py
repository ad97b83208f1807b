"""Channels-last networks, as Keras exports them: images and maps of this project are channels first."""

import copy

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.flows.clean_up import name_nodes
from xnorforge.flows.indexed_model import IndexedModel

TO_LAST = [0, 2, 3, 1]


def takes_channels_first(network: ModelWrapper, image: tuple[int, ...]) -> ModelWrapper:
    """The network, with a Transpose at its input if it takes images (H, W, C) and `image` is (C, H, W)."""
    name = network.graph.input[0].name
    wanted = tuple(network.get_tensor_shape(name)[1:])
    if len(image) != 3 or wanted == image or wanted != (*image[1:], image[0]):
        return network
    proto = copy.deepcopy(network.model)
    first = f"{name}_channels_first"
    (old,) = [one for one in proto.graph.input if one.name == name]
    proto.graph.value_info.append(old)
    proto.graph.input.remove(old)
    proto.graph.input.insert(0, helper.make_tensor_value_info(first, TensorProto.FLOAT, [1, *image]))
    proto.graph.node.insert(0, helper.make_node("Transpose", [first], [name], perm=TO_LAST))
    name_nodes(proto)
    found = ModelWrapper(proto, fix_missing_initializer_valueinfo=False)
    found.set_tensor_datatype(first, network.get_tensor_datatype(name))
    return IndexedModel(found)


def gives_channels_first(network: ModelWrapper) -> tuple[ModelWrapper, bool]:
    """The network without a final Transpose to channels last, and whether there was one."""
    name = network.graph.output[0].name
    last = network.find_producer(name)
    if last is None or last.op_type != "Transpose" or list(last.attribute[0].ints) != TO_LAST:
        return network, False
    proto = copy.deepcopy(network.model)
    proto.graph.node.remove(last)
    shape = network.get_tensor_shape(last.input[0])
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info(last.input[0], TensorProto.FLOAT, shape))
    for info in [one for one in proto.graph.value_info if one.name == last.input[0]]:
        proto.graph.value_info.remove(info)
    return IndexedModel(ModelWrapper(proto, fix_missing_initializer_valueinfo=False)), True


def channels_to_front(scores: np.ndarray, last: bool) -> np.ndarray:
    """Scores (N, H, W, C) as (N, C, H, W) if `last`; otherwise unchanged."""
    return np.moveaxis(scores, -1, 1) if last and scores.ndim == 4 else scores
